"""A copy of a corpus: its folder is found, its wavs surveyed, its counts compared."""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from reference.acted_copies import NOTE, wav_bytes

from espnet2_ext.corpora.copies import (
    Listing,
    child,
    find_release_folder,
    parse_pointer,
    read_any_text,
    refuse_pointers,
    self_check,
    survey_wavs,
    visible,
)


def find(root: Path) -> Path:
    return find_release_folder(root, "Tiny", lambda path: (path / "mark").is_file(), "a mark")


def mark(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mark").touch()


def test_the_highest_folder_here_or_below(tmp_path: Path):
    folder = tmp_path / "a/b/c"
    mark(folder)
    assert [find(root) for root in (folder, *list(folder.parents)[:3])] == [folder] * 4
    with pytest.raises(ValueError, match="no Tiny here or up to 3 folders below; expected a mark"):
        find(tmp_path.parent)
    mark(tmp_path / "a/b", tmp_path / ".hidden", tmp_path / "__MACOSX")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert find(tmp_path) == tmp_path / "a/b", "two that are one"


def test_faults_of_a_folder(tmp_path: Path):
    mark(tmp_path / "a", tmp_path / "b")
    with pytest.raises(ValueError, match="holds 2 copies of Tiny, such as .*/a and .*/b; give the"):
        find(tmp_path)
    with pytest.raises(ValueError, match="mark: is not a folder; unpack it; expected a mark"):
        find(tmp_path / "a/mark")
    with pytest.raises(ValueError, match="nowhere: is not there; expected a mark"):
        find(tmp_path / "nowhere")


def test_a_folder_is_listed_in_order_without_hidden_names(tmp_path: Path):
    for name in ("b.wav", "a.wav", "C.txt", "._a.wav", "__MACOSX"):
        (tmp_path / name).touch()
    left_out: Counter[str] = Counter()
    assert [entry.name for entry in visible(tmp_path, left_out)] == ["C.txt", "a.wav", "b.wav"]
    assert left_out == {"hidden files and folders": 2}
    assert list(visible(tmp_path / "nowhere")) == []
    assert child(tmp_path, "x", "c.TXT") == tmp_path / "C.txt" and child(tmp_path, "x") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_texts_of_any_encoding(encoding: str, tmp_path: Path):
    (tmp_path / "a.txt").write_bytes("Café".encode(encoding))
    assert read_any_text(tmp_path / "a.txt") == "Café"
    (tmp_path / "a.txt").write_bytes(b"\x81")
    assert read_any_text(tmp_path / "a.txt", "cp1252") == "\ufffd"
    with pytest.raises(
        ValueError, match="a.txt: is not text in utf-8-sig or cp1252; save it as UT"
    ):
        read_any_text(tmp_path / "a.txt", "cp1252", errors="strict")


def test_wavs_are_listed_once_and_in_their_place(tmp_path: Path):
    listing: Listing[str] = Listing(tmp_path)
    listing.add_wav("a.wav", "a")
    listing.add_wav("x/a.wav", "a")
    listing.add_wav("b.wav", "b", "c by its folder")
    listing.add_wav("d.wav", None)
    listing.add_wav("e.wav", "e")
    assert listing.wavs == {"a": "a.wav", "e": "e.wav"}
    assert listing.misplaced == {"b.wav": "c by its folder"}
    assert listing.extra == {
        "x/a.wav": "a second wav of a beside a.wav",
        "d.wav": "no utterance of the corpus has this name",
    }
    survey = survey_wavs(tmp_path, listing.wavs, None)
    assert list(listing.unusable("ab", survey)) == ["a", "b"]
    assert listing.unusable("b", survey) == {"b": f"no wav in {tmp_path}"}
    assert listing.unusable("a", survey)["a"].startswith("a.wav: not readable as audio")


def test_a_whole_copy_passes_and_its_counts_are_logged(caplog):
    caplog.set_level(logging.INFO)
    self_check("db", "Corpus", {"utterances": 2}, {"utterances": 2, "other": 9}, {"lost": []})
    assert "self-check of Corpus" in caplog.text and "db: self-check passed" in caplog.text
    assert "differs" not in caplog.text


def test_every_difference_is_named_in_one_line():
    with pytest.raises(ValueError) as caught:
        self_check(
            "db",
            "Corpus",
            {"utterances": 5, "angry": 3, "sad": 2, "happy": 1, "other": 0},
            {"utterances": 4, "angry": 2},
            {"wavs missing": ["a.wav"], "wavs unreadable": {"b.wav": "empty"}, "odd": {}},
        )
    assert str(caught.value) == (
        "db: not a whole Corpus: 4 of 5 utterances, 2 of 3 angry, 0 of 2 sad and 1 more counts; "
        "1 wavs missing, first a.wav; 1 wavs unreadable, first b.wav (empty); get the missing "
        "part again, or say --allow_incomplete to go on without it"
    )


def test_a_difference_can_be_allowed(caplog):
    self_check("db", "Corpus", {"utterances": 2}, {}, allow_incomplete=True)
    assert "0 of 2 utterances; going on with what is there" in caplog.text


def test_good_odd_and_broken_wavs(
    make_wav: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    make_wav("good.wav", duration_s=0.9)
    make_wav("odd.wav", duration_s=0.9, rate_hz=44100, channels=2)
    make_wav("empty.wav", duration_s=0.0)
    (tmp_path / "page.wav").write_text("<html>404</html>")
    wavs = {name: f"{name}.wav" for name in ("odd", "good", "empty", "page", "gone")}
    survey = survey_wavs(tmp_path, wavs, 16000)
    assert survey.readable == ["odd", "good"]
    assert survey.hours == pytest.approx(1.8 / 3600)
    assert survey.other_formats == {"odd.wav": "44100 Hz, 2 channels"}
    assert list(survey.unreadable) == ["empty.wav", "page.wav", "gone.wav"]
    assert survey.unreadable["empty.wav"] == "holds no samples"
    assert survey.unreadable["page.wav"].startswith("not readable as audio: Error opening")
    assert "1 wavs have another rate or channels than those released, first odd.wav" in caplog.text


def test_the_released_rate_is_no_matter_of_16_khz(make_wav: Callable[..., Path], tmp_path: Path):
    make_wav("a.wav", rate_hz=44100)
    assert survey_wavs(tmp_path, {"a": "a.wav"}, {"a": 44100}).other_formats == {}


def test_what_a_note_says():
    assert parse_pointer(NOTE.encode()) == (NOTE.split("sha256:")[1].split()[0], 72862)
    extended = NOTE.replace("oid", "ext-0-foo sha256:ab\noid", 1)
    assert parse_pointer(extended.encode()) == parse_pointer(NOTE.encode())
    for content in (b"", b"RIFF", NOTE[:-20].encode(), NOTE.encode() + b"x"):
        assert parse_pointer(content) is None


def test_notes_are_counted_and_audio_and_long_files_pass(tmp_path: Path):
    (tmp_path / "c.wav").write_bytes(wav_bytes(16000))
    (tmp_path / "d.wav").write_bytes(NOTE.encode() + bytes(1024))
    refuse_pointers(tmp_path, ["c.wav", "d.wav"], "remedy")
    for name in ("b.wav", "a.wav"):
        (tmp_path / name).write_text(NOTE)
    with pytest.raises(ValueError, match="2 files are notes of Git LFS .* first a.wav; remedy$"):
        refuse_pointers(tmp_path, ["b.wav", "c.wav", "a.wav"], "remedy")
