"""Copies of ESD in both layouts, in a few sentences, and what does not belong in them."""

from pathlib import Path

import pytest
from reference.esd_copy import HIDDEN, change_transcript, write_copy

from espnet2_ext.corpora.esd import EsdId, find_release, read_release

SENTENCES = (20, 21, 51)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of 0013 and 0004 with a sentence of each split."""
    return write_copy(tmp_path, ["0004", "0013"], sentences=SENTENCES)


def add(copy: Path, path: str) -> None:
    """Add an empty file."""
    (copy / path).parent.mkdir(parents=True, exist_ok=True)
    (copy / path).touch()


@pytest.mark.parametrize("split_folders", [False, True])
def test_both_layouts_hold_the_same(split_folders: bool, tmp_path: Path):
    copy = write_copy(tmp_path, ["0004", "0013"], split_folders=split_folders, sentences=SENTENCES)
    release = read_release(copy, ["0004", "0013"])
    assert sorted(release.wavs) == [
        EsdId(speaker, 350 * block + sentence)
        for speaker in ("0004", "0013")
        for block in range(5)
        for sentence in SENTENCES
    ]
    between = "test/" if split_folders else ""
    assert release.wavs[EsdId("0013", 371)] == f"0013/Angry/{between}0013_000371.wav"
    assert all((copy / path).is_file() for path in release.wavs.values())
    assert release.transcripts["0004"].texts[EsdId("0004", 720)] == "今天是第20个好日子，很快乐"
    assert not (release.extra or release.misplaced or release.absent)
    assert release.left_out == {"hidden files and folders": 2}


def test_layouts_may_be_mixed_and_folders_in_other_case(copy: Path):
    (copy / "0013/Sad/test").mkdir()
    (copy / "0013/Sad/0013_001071.wav").rename(copy / "0013/Sad/test/0013_001071.wav")
    (copy / "0013/Happy").rename(copy / "0013/happy")
    (copy / "0013/Sad/test").rename(copy / "0013/Sad/Test")
    release = read_release(copy, ["0013"])
    assert len(release.wavs) == 15 and not (release.extra or release.misplaced)
    assert release.wavs[EsdId("0013", 1071)] == "0013/Sad/Test/0013_001071.wav"
    assert release.wavs[EsdId("0013", 720)] == "0013/happy/0013_000720.wav"


def test_only_the_speakers_asked_for_are_read(copy: Path):
    (copy / "0004/0004.txt").write_bytes(b"\xff")
    assert {key.speaker for key in read_release(copy, ["0013"]).wavs} == {"0013"}


def test_folders_that_contradict_the_id(copy: Path):
    add(copy, "0013/Angry/0013_000701.wav")
    add(copy, "0013/Angry/0004_000351.wav")
    add(copy, "0013/Angry/train/0013_000352.wav")
    add(copy, "0013/Angry/train/0004_000002.wav")
    release = read_release(copy, ["0013"])
    assert release.misplaced == {
        "0013/Angry/0013_000701.wav": "happy by its id, angry by its folder",
        "0013/Angry/0004_000351.wav": "0004 by its id, 0013 by its folder",
        "0013/Angry/train/0013_000352.wav": "evaluation by its id, train by its folder",
        "0013/Angry/train/0004_000002.wav": "0004 by its id, 0013 by its folder, "
        "neutral by its id, angry by its folder, evaluation by its id, train by its folder",
    }
    assert len(release.wavs) == 15 and not release.extra


def test_wavs_too_many(copy: Path):
    add(copy, "0013/Surprise/0013_001751.wav")
    add(copy, "0013/Neutral/0013_000020 (1).wav")
    add(copy, "0013/Neutral/evaluation/0013_000020.WAV")
    assert read_release(copy, ["0013"]).extra == {
        "0013/Surprise/0013_001751.wav": "no utterance of ESD has this name",
        "0013/Neutral/0013_000020 (1).wav": "no utterance of ESD has this name",
        "0013/Neutral/evaluation/0013_000020.WAV": "a second wav of 0013_000020 beside "
        "0013/Neutral/0013_000020.wav",
    }


def test_what_is_passed_over_is_counted(copy: Path):
    add(copy, "0013/Neutral/0013_000020.lab")
    add(copy, "0013/Neutral/extra/0013_000020.wav")
    add(copy, "0013/wav/Training/Angry/0013_000401.wav")
    add(copy, "0013/notes.txt")
    add(copy, "0013/__MACOSX/0013_000020.wav")
    assert read_release(copy, ["0013"]).left_out == {
        "files among the wavs that are no wav": 1,
        "folders of an emotion that are no split": 1,
        "files and folders beside those of the emotions": 2,
        "hidden files and folders": 2,
    }


def test_absent_folder_and_transcript(copy: Path):
    (copy / "0013/0013.txt").unlink()
    release = read_release(copy, ["0012", "0013"])
    assert release.absent == ["0012/", "0013/0013.txt"]
    assert list(release.transcripts) == []


def test_transcript_counts_are_kept_by_speaker(copy: Path):
    change_transcript(copy, "0013", "\tAngry", "\tSad")
    release = read_release(copy, ["0004", "0013"])
    assert not release.transcripts["0004"].left_out
    assert release.transcripts["0013"].left_out == {
        "labels of transcripts that contradict the id": 1
    }


def test_root_may_be_above(tmp_path: Path):
    copy = write_copy(tmp_path / "archive", ["0013"], sentences=[20])
    (tmp_path / "archive/link").symlink_to(copy)
    add(tmp_path, "__MACOSX/0013/._0013_000001.wav")
    (tmp_path / ".cache/0013").mkdir(parents=True)
    (tmp_path / "notes").write_bytes(HIDDEN)
    for root in (copy, tmp_path / "archive", tmp_path):
        assert find_release(root) == copy.resolve()


def test_wrong_root_says_what_was_expected_where(tmp_path: Path):
    expected = "expected folders 0001 to 0020 with Neutral, Angry, Happy, Sad, Surprise and"
    for root, fault in (
        (tmp_path / "nowhere", "is not there"),
        (tmp_path / "ESD.zip", "is not a folder; unpack it"),
    ):
        if root.suffix:
            root.touch()
        with pytest.raises(ValueError, match=f"{root}: {fault}; {expected}"):
            find_release(root)
    (tmp_path / "a/b/c/d/0013").mkdir(parents=True)
    with pytest.raises(ValueError, match=f"{tmp_path}: no ESD here .*; {expected}"):
        find_release(tmp_path)
    (tmp_path / "a/0013").mkdir()
    (tmp_path / "d/0013").mkdir(parents=True)
    with pytest.raises(ValueError, match=f"2 copies of ESD, such as {tmp_path}/a and {tmp_path}/d"):
        find_release(tmp_path)
