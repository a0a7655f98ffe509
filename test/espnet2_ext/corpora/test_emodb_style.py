"""The list of English sources with German references, from ESD and from data directories."""

import os
from collections import Counter
from pathlib import Path

import pytest
from reference.emodb_copy import emodb_names, write_emodb, write_tiny
from reference.esd_copy import words_of, write_copy

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.emodb import prepare_style, read_sources
from espnet2_ext.data.conversion_list import read_conversion_list
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.tables import write_rejected

LETTERS = {"angry": "W", "happy": "F", "sad": "T"}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Return a whole copy of EmoDB."""
    return write_emodb(tmp_path / "corpora")


def write_sources(tmp_path: Path, kinds: list[tuple[str, str, str | None, str | None]]) -> Path:
    """Write a data directory of utterances given by id, speaker, emotion and language."""
    wavs = {key: write_tiny(tmp_path / f"wav/{key}.wav") for key, *_ in kinds}
    write_data_directory(
        tmp_path / "sources",
        [
            Utterance(key, speaker, str(wavs[key]), emotion=emotion, language=language)
            for key, speaker, emotion, language in kinds
        ],
    )
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
        assert Path(line.prosody).name[5] == LETTERS[emotion]
    for emotion in LETTERS:
        of_one = [line for line in conversions if line.name.endswith(emotion)]
        assert len({line.source for line in of_one}) == len({line.prosody for line in of_one}) == 5


def test_only_the_seed_changes_the_choice(db: Path, tmp_path: Path):
    write_copy(tmp_path, ["0013"], sentences=range(21, 31))
    lists = [
        prepare_style(db, tmp_path, tmp_path / "data", num_sources=4, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert lists[0] == lists[1]
    for name in ("source", "prosody"):
        first, other = ([getattr(line, name) for line in lines] for lines in lists[1:])
        assert first != other


def test_sources_of_a_data_directory(db: Path, tmp_path: Path):
    folder = write_sources(
        tmp_path,
        [
            ("a-1", "a", "neutral", "eng"),
            ("a-2", "a", "angry", "eng"),
            ("a-3", "a", "neutral", "deu"),
            ("a-4", "a", "neutral", "eng"),
            ("b-1+2", "b", "neutral", "eng"),
            ("b-3", "b", "neutral", "eng"),
        ],
    )
    write_rejected(folder, {"b-3": "cut short"})
    assert [source.utterance_id for source in read_sources(folder)] == ["a-1", "a-4", "b-1+2"]
    conversions = prepare_style(db, folder, tmp_path / "data", num_sources=3)
    assert read_conversion_list(tmp_path / "data/emodb_style/list.tsv") == conversions
    voices = {Path(line.source).stem: Path(line.speaker).stem for line in conversions}
    assert voices == {"a-1": "a-4", "a-4": "a-1", "b-1+2": ""}
    assert all(line.text == "" for line in conversions)
    assert "-b-1_2-to-german_" in conversions[3].name


def test_sources_without_emotions_and_with_paths_from_their_recipe(
    db: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder = tmp_path / "egs2/mine/p2v1/dump/raw/set"
    wav = write_tiny(tmp_path / "egs2/mine/p2v1/dump/raw/set/audio/a-1.wav")
    write_data_directory(
        folder, [Utterance("a-1", "a", "dump/raw/set/audio/a-1.wav", "Two  words")]
    )
    [line, *_] = prepare_style(db, folder, tmp_path / "data", num_sources=1)
    assert (line.source, line.speaker, line.text) == (str(wav), "", "Two words")
    assert "no utt2emo; every utterance is taken for neutral" in caplog.text
    wav.unlink()
    with pytest.raises(ValueError, match="set: a-1: dump/raw/set/audio/a-1.wav: no such file; cor"):
        prepare_style(db, folder, tmp_path / "data", num_sources=1)


def test_what_cannot_be_served(db: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = write_sources(tmp_path, [("a-1", "a", "neutral", None), ("a-2", "a", "sad", None)])
    with pytest.raises(ValueError, match="sources: 1 sources are there, 2 asked for; lower it"):
        prepare_style(db, folder, tmp_path / "data", num_sources=2)
    with pytest.raises(ValueError, match="0 sources are asked for; ask for at least 1"):
        prepare_style(db, folder, tmp_path / "data", num_sources=0)
    with pytest.raises(
        ValueError, match="no data directory .wav.scp. and no ESD: .*expected folde"
    ):
        prepare_style(db, tmp_path / "wav", tmp_path / "data")
    (folder / "utt2emo").write_text("a-1 sad\na-2 sad\n")
    with pytest.raises(ValueError, match="no neutral English utterance is there; give other --sou"):
        prepare_style(db, folder, tmp_path / "data")
    write_copy(tmp_path / "esd", ["0013"], sentences=(21, 22))
    assert len(read_sources(tmp_path / "esd")) == 2
    assert "2 of 300 sources are there" in caplog.text
    assert not (tmp_path / "data").exists()


def test_emodb_that_lacks_an_emotion(tmp_path: Path):
    db = write_emodb(tmp_path, [name for name in emodb_names() if name[5] != "F"])
    folder = write_sources(tmp_path, [("a-1", "a", "neutral", "eng")])
    with pytest.raises(ValueError, match="not a whole EmoDB: 464 of 535 utterances, 0 of 71 happy"):
        prepare_style(db, folder, tmp_path / "data")
    with pytest.raises(ValueError, match="no happy reference is there; get EmoDB again"):
        prepare_style(db, folder, tmp_path / "data", allow_incomplete=True)


def test_command(db: Path, tmp_path: Path):
    folder = write_sources(tmp_path, [("a-1", "a", "neutral", "eng")])
    os.unlink(db / "wav" / f"{emodb_names()[0]}.wav")
    arguments = ["--db", str(db), "--sources", str(folder), "--data", str(tmp_path / "data")]
    with pytest.raises(SystemExit, match="^prepare emodb_style: .*not a whole EmoDB: 534 of 535"):
        main(["emodb_style", *arguments, "--num_sources", "1"])
    main(["emodb_style", *arguments, "--num_sources", "1", "--allow_incomplete"])
    assert len(read_conversion_list(tmp_path / "data/emodb_style/list.tsv")) == 3
