"""The corpus in its smallest size: 98 files, made by one process and again by two."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.mini_emo.prepare import MiniEmoSize, prepare
from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table

TINY = MiniEmoSize(
    num_voices=2,
    utterances_per_voice=3,
    test_voices=2,
    test_sentences=2,
    iemocap_utterances=10,
    esd_sentences=(1, 1, 2),
)
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
    names = sorted(path.name for path in (corpus / "data").iterdir())
    assert names == sorted(
        ["mini_emo_train", "mini_emo_valid", "mini_emo_test", "mini_emo_iemocap"]
        + [f"mini_emo_esd_{name}" for name in ("train", "valid", "test")]
    )
    for name in names:
        validate_data_directory(corpus / "data" / name, check_audio=True)
        tables = {path.name for path in (corpus / "data" / name).iterdir() if path.is_file()}
        assert {"text", "utt2emo", "utt2lang"} <= tables
        assert ("utt2session" in tables) == (name == "mini_emo_iemocap")
    assert read_table(corpus / "data/mini_emo_iemocap/utt2session")["i2m-0003-happy"] == "Ses02"


def test_audio_has_the_format_and_is_no_silence(corpus: Path):
    for path in (corpus / "downloads").rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        waveform, _ = soundfile.read(path)
        assert len(waveform) > 8000
        assert 0.02 < np.abs(waveform).max() < 0.99


def test_emotions_differ_in_the_audio_of_one_sentence(corpus: Path):
    wavs = read_table(corpus / "data/mini_emo_esd_test/wav.scp")
    for source in (u for u in wavs if u.endswith("-neutral")):
        audio = {
            emotion: soundfile.read(wavs[source.replace("neutral", emotion)])[0]
            for emotion in ("neutral", "angry", "sad")
        }
        assert len(audio["angry"]) < len(audio["neutral"]) < len(audio["sad"])
        assert audio["angry"].std() > audio["sad"].std()


def test_pairs_directories(corpus: Path):
    found = sorted(str(p.relative_to(corpus / "data")) for p in corpus.glob("data/*/pairs/*"))
    assert found == [
        "mini_emo_esd_test/pairs/same_voice",
        "mini_emo_test/pairs/other_voice",
        "mini_emo_test/pairs/same_voice",
    ]
    keys = read_table(corpus / "data/mini_emo_test/wav.scp").keys()
    for value in read_table(corpus / "data" / found[1] / "pairs").values():
        assert set(value.split()) <= keys


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


def test_voices_are_listed(corpus: Path):
    lines = (corpus / "downloads/mini_emo_voices.tsv").read_text().splitlines()
    assert lines[0].split("\t")[:4] == ["speaker", "gender", "variant", "accent"]
    assert len(lines) == 1 + 2 + 10 + 4
