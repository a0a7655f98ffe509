"""EmoDB on synthetic copies, and the list of conversions to it; see also test_acted.py."""

from collections import Counter
from pathlib import Path

import pytest
from reference.acted_copies import EMODB_SPEAKERS, LETTERS, emodb_names, write_emodb, write_tiny
from reference.esd_copy import words_of, write_copy

from espnet2_ext.corpora.emodb import EXPECTED, parse_name, prepare, prepare_style, read_sources
from espnet2_ext.data.conversion_list import read_conversion_list
from espnet2_ext.data.directory import (
    Utterance,
    read_data_directory,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected

WORDS = dict(W="angry", L="bored", E="disgusted", A="fearful", F="happy", T="sad", N="neutral")
TARGETS = {"angry": "W", "happy": "F", "sad": "T"}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Return a whole copy of EmoDB."""
    return write_emodb(tmp_path / "corpora")


def test_whole_corpus(db: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    utterances = prepare(db, tmp_path)
    path = tmp_path / "emodb"
    assert len(utterances) == validate_data_directory(path) == 535
    tables = {"wav.scp", "utt2spk", "text", "utt2emo", "utt2lang"}
    assert set(read_data_directory(path)) == tables
    assert read_rejected(path) == {}
    assert Counter(u.emotion for u in utterances) == {WORDS[k]: n for k, n in LETTERS.items()}
    assert Counter(u.speaker for u in utterances) == EMODB_SPEAKERS
    genders = read_table(path / "spk2gender")
    assert len(genders) == 10 and (genders["03"], genders["08"]) == ("m", "f")
    for utterance in utterances:
        name = Path(utterance.wav).stem
        assert utterance.wav.startswith("/") and Path(utterance.wav).is_file()
        assert utterance.utterance_id == f"{name[:2]}-{name}"
        assert utterance.emotion == WORDS[name[5]] and utterance.language == "deu"
    texts = {u.wav[-9:-6]: u.text for u in utterances}
    assert len(texts) == 10 and texts["b01"].startswith("Was sind denn das für Tüten")
    assert "self-check passed" in caplog.text and "another rate" not in caplog.text


def test_other_counts_and_version_2(db: Path, tmp_path: Path):
    """Version 2 is named where it holds more."""
    name = next(name for name in emodb_names() if name[5] == "W")
    (db / f"wav/{name}.wav").rename(db / f"wav/{name[:5]}Nf.wav")
    with pytest.raises(ValueError, match="EmoDB: 126 of 127 angry, 80 of 79 neutral; get"):
        prepare(db, tmp_path)
    (db / f"wav/{name[:5]}Nf.wav").rename(db / f"wav/{name}.wav")
    (db / "db.yaml").touch()
    (db / "db.emotion.csv").write_text("file,emotion\nwav/03a01Wa.wav,something else\n")
    assert len(prepare(db, tmp_path / "same")) == 535
    more = next(name for name in emodb_names() if name.endswith("a"))
    write_tiny(db / f"wav/{more[:-1]}f.wav")
    with pytest.raises(ValueError, match="536 of 535 utt.*; 2 signs of version 2.0, .*db.yaml"):
        prepare(db, tmp_path / "more")
    assert len(prepare(db, tmp_path / "all", allow_incomplete=True)) == 536


def test_nothing_readable(tmp_path: Path):
    copy = write_emodb(tmp_path, [])
    (copy / "wav/03a01Wa.wav").touch()
    with pytest.raises(ValueError, match="no wav can be read; get the corpus again"):
        prepare(copy, tmp_path / "data", allow_incomplete=True)


def test_names_and_published_counts():
    assert parse_name("16b10Td") == ("16", "16b10Td", "sad", "b10")
    none = ["3a01Wa", "03a03Wa", "03a01Xa", "03a01Wg", "03a01wa", "07a01Wa", "._03a01Wa", ""]
    assert [name for name in none if parse_name(name)] == []
    for kind in ("speaker", "sentence"):
        counts = [value for name, value in EXPECTED.items() if name.startswith(kind)]
        assert (len(counts), sum(counts)) == (10, 535)


def write_sources(tmp_path: Path, kinds: list[tuple[str, str, str | None, str | None]]) -> Path:
    """Write a data directory of utterances given by id, speaker, emotion and language."""
    utterances = []
    for key, speaker, emotion, language in kinds:
        wav = str(write_tiny(tmp_path / f"wav/{key}.wav"))
        utterances.append(Utterance(key, speaker, wav, emotion=emotion, language=language))
    write_data_directory(tmp_path / "sources", utterances)
    return tmp_path / "sources"


def test_sources_of_esd(db: Path, tmp_path: Path):
    esd = write_copy(tmp_path, ["0004", "0013", "0014"], sentences=(1, 20, 21, 22, 23, 50, 51))
    conversions = prepare_style(db, tmp_path, tmp_path / "data", num_sources=5)
    assert read_conversion_list(tmp_path / "data/emodb_style/list.tsv") == conversions
    assert len(conversions) == 15 and {line.condition for line in conversions} == {"cross_lingual"}
    assert Counter(Path(line.source).parts[-3] for line in conversions) == {"0013": 9, "0014": 6}
    for line in conversions:
        speaker, folder, file = Path(line.source).parts[-3:]
        sentence = int(file[5:11])
        assert esd in Path(line.source).parents
        assert folder == "Neutral" and sentence in (21, 22, 23, 50)
        assert line.text == words_of(speaker, sentence)
        assert line.speaker != line.source
        assert Path(line.speaker).parts[-3:-1] == (speaker, "Neutral")
        emotion = line.name.rpartition("german_")[2]
        assert Path(line.prosody).name[5] == TARGETS[emotion]
    for emotion in TARGETS:
        of_one = [line for line in conversions if line.name.endswith(emotion)]
        assert len({line.source for line in of_one}) == len({line.prosody for line in of_one}) == 5
    again, other = (
        prepare_style(db, tmp_path, tmp_path / "data", num_sources=5, seed=seed) for seed in (0, 1)
    )
    assert again == conversions
    for name in ("source", "prosody"):
        assert [getattr(line, name) for line in other] != [getattr(line, name) for line in again]


def test_sources_of_a_data_directory(db: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    neutral = [(key, key[0], "neutral", "eng") for key in ("a-1", "a-4", "b-1+2", "b-3")]
    others = [("a-2", "a", "angry", "eng"), ("a-3", "a", "neutral", "deu")]
    folder = write_sources(tmp_path, neutral + others)
    write_rejected(folder, {"b-3": "cut short"})
    assert [source.utterance_id for source in read_sources(folder)] == ["a-1", "a-4", "b-1+2"]
    conversions = prepare_style(db, folder, tmp_path / "data", num_sources=3)
    voices = {Path(line.source).stem: Path(line.speaker).stem for line in conversions}
    assert voices == {"a-1": "a-4", "a-4": "a-1", "b-1+2": ""}
    assert all(line.text == "" for line in conversions)
    assert "-b-1_2-to-german_" in conversions[3].name
    # Without emotions, and with paths from the recipe.
    folder = tmp_path / "egs2/mine/p2v1/dump/raw/set"
    wav = write_tiny(folder / "audio/a-1.wav")
    source = Utterance("a-1", "a", "dump/raw/set/audio/a-1.wav", "Two  words")
    write_data_directory(folder, [source])
    [line, *_] = prepare_style(db, folder, tmp_path / "data", num_sources=1)
    assert (line.source, line.speaker, line.text) == (str(wav), "", "Two words")
    assert "no utt2emo; every utterance is taken for neutral" in caplog.text
    wav.unlink()
    with pytest.raises(ValueError, match="set: a-1: dump/raw/set/audio/a-1.wav: no such file; cor"):
        prepare_style(db, folder, tmp_path / "data", num_sources=1)


def test_what_cannot_be_served(db: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = write_sources(tmp_path, [("a-1", "a", "neutral", None), ("a-2", "a", "sad", None)])
    data = tmp_path / "data"
    for number, message in ((2, "sources: 1 sources are there, 2 asked for; lower it"), (0, "ask")):
        with pytest.raises(ValueError, match=message):
            prepare_style(db, folder, data, num_sources=number)
    with pytest.raises(ValueError, match="no data directory .wav.scp. and no ESD: .*expected"):
        prepare_style(db, tmp_path / "wav", data)
    for path in (db / "wav").glob("?????F?.wav"):
        path.unlink()
    with pytest.raises(ValueError, match="not a whole EmoDB: 464 of 535 utterances, 0 of 71 happy"):
        prepare_style(db, folder, data)
    with pytest.raises(ValueError, match="no happy reference is there; get EmoDB again"):
        prepare_style(db, folder, data, allow_incomplete=True)
    (folder / "utt2emo").write_text("a-1 sad\na-2 sad\n")
    with pytest.raises(ValueError, match="no neutral English utterance is there; give other --sou"):
        read_sources(folder)
    write_copy(tmp_path / "esd", ["0013"], sentences=(21, 22))
    assert len(read_sources(tmp_path / "esd")) == 2
    assert "2 of 300 sources are there" in caplog.text
    assert not data.exists()
