"""The plan of the whole corpus, and a tiny one: 98 files, made by one process and again by two."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.mini_emo.prepare import MiniEmoSize, make_pairs, plan_sets, prepare
from espnet2_ext.corpora.mini_emo.speech import EMOTIONS
from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table

SETS = plan_sets(MiniEmoSize(), seed=0)


def test_counts_of_the_whole_corpus():
    assert {name: len(utterances) for name, utterances in SETS.items()} == {
        "mini_emo_train": 1560,
        "mini_emo_valid": 60,
        "mini_emo_test": 200,
        "mini_emo_iemocap": 600,
        "mini_emo_esd_train": 192,
        "mini_emo_esd_valid": 64,
        "mini_emo_esd_test": 128,
    }
    ids = [u.utterance_id for utterances in SETS.values() for u in utterances]
    assert len(set(ids)) == 2804
    texts = [{u.text for u in utterances} for utterances in SETS.values()]
    assert len(set.union(*texts)) == sum(map(len, texts)), "a sentence is in two sets"
    assert len(texts[0]) == 1560, "a training sentence is there twice"


def test_voices_of_the_parts_are_disjoint_and_sentences_parallel():
    voices = {name: {u.voice.speaker for u in utterances} for name, utterances in SETS.items()}
    assert voices["mini_emo_test"] < voices["mini_emo_train"] == voices["mini_emo_valid"]
    parts = [voices[f"mini_emo_{name}"] for name in ("train", "iemocap", "esd_train")]
    assert [len(part) for part in parts] == [60, 10, 4]
    assert len(set.union(*parts)) == 74
    counts = Counter((u.voice.speaker, u.emotion) for u in SETS["mini_emo_train"])
    assert set(counts.values()) == {6, 7}
    for name in ("mini_emo_test", "mini_emo_esd_test"):
        counts = Counter((u.voice.speaker, u.text) for u in SETS[name])
        assert set(counts.values()) == {len(EMOTIONS)}
    spoken = Counter(u.text for u in SETS["mini_emo_esd_test"])
    assert len(spoken) == 8 and set(spoken.values()) == {4 * len(EMOTIONS)}


def test_iemocap_part_has_its_proportions_and_sessions():
    utterances = SETS["mini_emo_iemocap"]
    # 600 * (1708, 1103, 1636, 1084) / 5531 = 185.3, 119.7, 177.5, 117.6
    counts = {"neutral": 185, "angry": 120, "happy": 177, "sad": 118}
    assert Counter(u.emotion for u in utterances) == counts
    sessions = {(u.session, u.voice.speaker) for u in utterances}
    assert sessions == {(f"Ses0{i}", f"i{i}{gender}") for i in range(1, 6) for gender in "fm"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"test_voices": 1}, "test_voices is 1"),
        ({"num_voices": 4}, r"must be 2 to num_voices \(4\)"),
        ({"esd_sentences": (1, 1, 1)}, "at least 2"),
        ({"utterances_per_voice": 0}, "at least 1"),
    ],
)
def test_impossible_size_is_an_error(wrong: dict, message: str):
    with pytest.raises(ValueError, match=message):
        MiniEmoSize(**wrong)


@pytest.mark.parametrize(("name", "count"), [("mini_emo_test", 150), ("mini_emo_esd_test", 96)])
@pytest.mark.parametrize("other_voice", [False, True])
def test_pairs_follow_the_rules(name: str, other_voice: bool, count: int):
    by_id = {u.utterance_id: u for u in SETS[name]}
    tables = make_pairs(SETS[name], other_voice=other_voice)
    assert len(tables["pairs"]) == count
    assert tables["pairs"].keys() == tables["targets"].keys() == tables["conditions"].keys()
    for pair, value in tables["pairs"].items():
        source, prosody, speaker = (by_id[utterance] for utterance in value.split())
        target = by_id[tables["targets"][pair]]
        assert source.emotion == speaker.emotion == "neutral"
        assert tables["conditions"][pair] == f"neutral-{prosody.emotion}"
        assert prosody.emotion == target.emotion != "neutral"
        assert source.voice == speaker.voice == target.voice
        assert (prosody.voice != source.voice) == other_voice
        assert source.text == target.text
        assert len({source.text, prosody.text}) == 2 and speaker.text != source.text
        if not other_voice:
            assert speaker.text != prosody.text
    assert len(tables["wrong_sentence"]) == count // 3
    for source, other in ((by_id[a], by_id[b]) for a, b in tables["wrong_sentence"].items()):
        assert source.voice == other.voice and source.text != other.text
        assert source.emotion == other.emotion == "neutral"


TINY = MiniEmoSize(2, 3, 2, 2, 10, (1, 1, 2))
NUM_FILES = 6 + 2 + 16 + 10 + 64


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the tiny corpus in ``downloads`` and ``data``."""
    folder = tmp_path_factory.mktemp("mini_emo")
    prepare(folder / "downloads", folder / "data", num_workers=1, size=TINY)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.wav"))
    }


def test_same_bytes_from_two_processes_through_the_command(corpus: Path, tmp_path: Path):
    main(
        f"mini_emo --root {tmp_path}/downloads --data {tmp_path}/data --nj 2 --num_voices 2"
        " --utterances_per_voice 3 --test_voices 2 --test_sentences 2 --iemocap_utterances 10"
        " --esd_sentences 1 1 2".split()
    )
    expected = hashes(corpus / "downloads")
    assert len(expected) == NUM_FILES
    assert hashes(tmp_path / "downloads") == expected
    for table in ("text", "utt2emo", "pairs/same_voice/pairs"):
        path = Path("data/mini_emo_test") / table
        assert (tmp_path / path).read_bytes() == (corpus / path).read_bytes()


def test_data_directories_are_valid(corpus: Path):
    assert {path.name for path in (corpus / "data").iterdir()} == SETS.keys()
    for name in SETS:
        validate_data_directory(corpus / "data" / name, check_audio=True)
        tables = {path.name for path in (corpus / "data" / name).iterdir() if path.is_file()}
        assert {"text", "utt2emo", "utt2lang"} <= tables
        assert ("utt2session" in tables) == (name == "mini_emo_iemocap")
    assert read_table(corpus / "data/mini_emo_iemocap/utt2session")["i2m-0003-happy"] == "Ses02"
    for path in (corpus / "downloads").rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        waveform, _ = soundfile.read(path)
        assert len(waveform) > 8000
        assert 0.02 < np.abs(waveform).max() < 0.99
    found = sorted(str(p.relative_to(corpus / "data")) for p in corpus.glob("data/*/pairs/*"))
    assert found == [
        "mini_emo_esd_test/pairs/same_voice",
        "mini_emo_test/pairs/other_voice",
        "mini_emo_test/pairs/same_voice",
    ]


def test_emotions_differ_in_the_audio_of_one_sentence(corpus: Path):
    wavs = read_table(corpus / "data/mini_emo_esd_test/wav.scp")
    for source in (u for u in wavs if u.endswith("-neutral")):
        neutral, angry, sad = (
            soundfile.read(wavs[source.replace("neutral", emotion)])[0]
            for emotion in ("neutral", "angry", "sad")
        )
        assert len(angry) < len(neutral) < len(sad) and angry.std() > sad.std()


def test_rerun_touches_nothing_and_repairs_what_is_damaged(corpus: Path):
    expected = hashes(corpus / "downloads")
    files = [corpus / "downloads" / name for name in expected]
    times = {path: path.stat().st_mtime_ns for path in files}
    files[0].write_bytes(files[0].read_bytes()[:1000])
    files[1].unlink()
    (files[1].parent / f".{files[1].stem}.123.part.wav").touch()  # of a killed run
    returned = prepare(corpus / "downloads", corpus / "data", num_workers=1, size=TINY)
    assert hashes(corpus / "downloads") == expected
    assert all(path.stat().st_mtime_ns == times[path] for path in files[2:])
    assert sum(map(len, returned.values())) == NUM_FILES
    assert not list(corpus.rglob(".*"))
    lines = (corpus / "downloads/mini_emo_voices.tsv").read_text().splitlines()
    assert lines[0].split("\t")[:4] == ["speaker", "gender", "variant", "accent"]
    assert len(lines) == 1 + 2 + 10 + 4
