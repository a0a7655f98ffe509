import os
from collections.abc import Callable
from pathlib import Path

import pytest

from espnet2_ext.corpora.iemocap import Turn, find_release, read_release

DIALOGUE = "Session1/sentences/wav/Ses01F_impro01"


def test_release_is_found_from_its_folder_and_from_above(make_release: Callable[..., Path]):
    release = make_release("ang")
    (release.parent / "._IEMOCAP_full_release").mkdir()
    (release.parent / "IEMOCAP_full_release.tar.gz").touch()
    for root in (release, release.parent, os.path.relpath(release)):
        assert find_release(root, "unused") == release.resolve()


def test_release_without_some_sessions_is_found(tmp_path: Path):
    (tmp_path / "Session5").mkdir()
    release = read_release(find_release(tmp_path, "unused"))
    assert not release.turns and len(release.absent_folders) == 15
    assert release.absent_folders[:2] == (
        "Session1/sentences/wav",
        "Session1/dialog/EmoEvaluation",
    )


def test_wrong_root_says_what_was_expected_where(tmp_path: Path, make_release):
    (tmp_path / "notes.txt").touch()
    for name, fault in (
        ("nowhere", "is not there"),
        ("notes.txt", "is not a folder; unpack it"),
    ):
        with pytest.raises(
            ValueError, match=f"{name}: {fault}.*expected IEMOCAP_full_release with"
        ):
            find_release(tmp_path / name, "unused")
    session = make_release("ang") / "Session1"
    with pytest.raises(
        ValueError, match="Session1: no IEMOCAP here .*; expected IEMOCAP_full_release"
    ):
        find_release(session, "unused")


def test_two_releases_in_one_folder_are_an_error(make_release: Callable[..., Path]):
    release = make_release("ang")
    second = release.rename(release.parent / "IEMOCAP_full_release_withoutVideos")
    make_release("ang", folder="other").rename(release)
    with pytest.raises(ValueError, match=f"2 copies of IEMOCAP, such as {release} and {second}"):
        find_release(release.parent, "unused")


def test_only_what_belongs_to_the_corpus_is_read(make_release: Callable[..., Path]):
    root = make_release("ang", "neu", "xxx")
    labels = root / "Session1/dialog/EmoEvaluation"
    (labels / "Ses01F_impro01 (copy).txt").write_text("[1 - 2]\tSes01F_impro01_F009\tneu\t[1]\n")
    (labels / "readme.md").touch()
    (root / DIALOGUE / "Ses01F_impro01_F000.lab").touch()
    (root / "Session1/sentences/wav/notes.txt").touch()
    (root / DIALOGUE / "Ses01F_impro01_F777.wav").touch()
    texts = root / "Session1/dialog/transcriptions/Ses01F_impro01.txt"
    texts.write_text(texts.read_text() + "Ses01F_impro01_F777 [001.0-002.0]: Not labelled.\n")
    release = read_release(root)
    ids = ["Ses01F_impro01_F000", "Ses01F_impro01_M000", "Ses01F_impro01_F001"]
    assert release.turns == {
        turn_id: Turn(turn_id, label) for turn_id, label in zip(ids, ("ang", "neu", "xxx"))
    }
    assert release.texts.keys() == {*ids, "Ses01F_impro01_F777"}
    assert release.texts[ids[1]] == "Words of the turn 1."
    assert release.wavs == {f"{DIALOGUE}/{name}.wav" for name in (*ids, "Ses01F_impro01_F777")}
    assert dict(release.left_out) == {
        # ._Ses01F_impro01.txt three times, ._<turn>.wav, .DS_Store, ._hidden
        "hidden files and folders": 6,
        "folders in EmoEvaluation": 3,
        "files in EmoEvaluation that are not <dialogue>.txt": 2,
        "files among the wavs that are no wav": 1,
        "files where a dialogue's folder is expected": 1,
        "transcribed turns XX0, XX1, ... that have no wav": 1,
        "lines of transcriptions without a turn": 1,
        "transcribed turns that have no label": 1,
    }


def test_order_of_a_folder_does_not_matter(make_release, monkeypatch: pytest.MonkeyPatch):
    root = make_release(*["neu"] * 20)
    expected = read_release(root)

    class Reversed:
        def __init__(self, path):
            self.entries = sorted(scandir(path), key=lambda entry: entry.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", Reversed)
    found = read_release(root)
    assert found == expected and list(found.turns) == list(expected.turns)
