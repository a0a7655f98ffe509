"""LRS3 on synthetic fixtures: counts, clips without sound, long clips, wrong roots."""

from pathlib import Path

import pytest
import soundfile
from reference.changes import changed, refused
from reference.film import clicks, write_film, write_silent_film
from reference.lrs3_copy import clip_text, long_words, write_copy

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora import lrs3
from espnet2_ext.corpora.lrs3 import (
    EXPECTED,
    ClipText,
    Piece,
    Word,
    cut_at_pauses,
    parse_clip_text,
    prepare,
)
from espnet2_ext.data.directory import read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

LONG = "pretrain/aB3dE5fG7hI/00002"
LONG_S = 20.0
WORDS = long_words(LONG_S, {12: 0.5})
CLIPS = {
    "pretrain/aB3dE5fG7hI/00001": clip_text("ONE {LG}", [("ONE", 0.1, 0.3)]),
    LONG: clip_text(" ".join(word[0] for word in WORDS), WORDS),
    "pretrain/aB3dE5fG7hI/00003": clip_text("NO TIMES", None),
    "pretrain/-_dE5fG7h_1/00001": clip_text("CAFÉ").encode("iso-8859-1"),
    "pretrain/-_dE5fG7h_1/00002": clip_text("TWO"),
    "trainval/aB3dE5fG7hI/00001": clip_text("THE SAME NUMBER AS IN PRETRAIN"),
    "trainval/aB3dE5fG7hI/50021": clip_text("FOUR"),
    "test/tE5tE5tE5tE/00001": clip_text("FIVE"),
    "test/tE5tE5tE5tE/00002": clip_text("SIX"),
    "test/aloneALONE1/00001": clip_text("SEVEN"),
}
COUNTS = {
    **{"pretrain clips": 5, "pretrain videos": 2, "trainval clips": 2, "trainval videos": 1},
    **{"test clips": 3, "test videos": 2},
}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy, which counts as whole as long as it has these ten clips."""
    monkeypatch.setattr(lrs3, "EXPECTED", COUNTS)
    copy = write_copy(tmp_path, CLIPS, write_film(tmp_path / "a.mp4", clicks(0.3, [0.1])))
    (copy / f"{LONG}.mp4").unlink()
    write_film(copy / f"{LONG}.mp4", clicks(LONG_S + 0.5, [0.1, 10.0]))
    for name in ("readme.txt", "aB3dE5fG7hI/00001.wav", "aB3dE5fG7hI/notes.txt"):
        (copy / "pretrain" / name).touch()
    return copy


def run(copy: Path, tmp_path: Path, **options):
    options = {"num_valid": 2, **options}
    return prepare(copy, tmp_path / "data", audio_dir=tmp_path / "downloads", **options)


def test_directories_ids_and_a_rerun(copy: Path, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    sets = run(copy, tmp_path)
    ids = {name: {u.utterance_id for u in utterances} for name, utterances in sets.items()}
    assert ids["lrs3"] == {
        *(f"lrs3_aB3dE5fG7hI-pretrain_{key}" for key in ("00001", "00002_00", "00002_01", "00003")),
        *(f"lrs3_-_dE5fG7h_1-pretrain_{key}" for key in ("00001", "00002")),
        *(f"lrs3_aB3dE5fG7hI-trainval_{key}" for key in ("00001", "50021")),
    }
    assert ids["lrs3_train"] | ids["lrs3_valid"] == ids["lrs3"]
    assert (len(ids["lrs3_train"]), len(ids["lrs3_valid"])) == (6, 2)
    assert ids["lrs3_test"] == {f"lrs3_tE5tE5tE5tE-test_0000{number}" for number in (1, 2)}
    for name in sets:
        assert validate_data_directory(tmp_path / "data" / name, check_audio=True) == len(ids[name])
    tables = read_data_directory(tmp_path / "data/lrs3")
    key = "lrs3_-_dE5fG7h_1-pretrain_00001"
    found = [tables[name][key] for name in ("utt2spk", "utt2session", "utt2lang", "text")]
    assert found == ["lrs3_-_dE5fG7h_1", "-_dE5fG7h_1", "eng", "CAFÉ"]
    assert len(read_table(tmp_path / "data/lrs3_test/pairs/reconstruction/pairs")) == 2
    assert list(read_rejected(tmp_path / "data/lrs3_test")) == ["lrs3_aloneALONE1-test_00001"]
    assert "3 pretrain clips without times of words, which stay whole" in caplog.text
    assert "passed over: 1 files and folders beside those of the videos" in caplog.text
    assert "passed over: 2 files among the clips that are none" in caplog.text
    # A long clip is cut; its pieces have their words.
    pieces = [u for u in sets["lrs3"] if "aB3dE5fG7hI-pretrain_00002_" in u.utterance_id]
    assert [piece.text for piece in pieces] == [
        " ".join(word[0] for word in words) for words in (WORDS[:12], WORDS[12:])
    ]
    cut = round((WORDS[11][2] + WORDS[12][1]) / 2 * 16000)
    lengths = [soundfile.info(piece.wav).frames for piece in pieces]
    assert lengths == [cut, round((LONG_S + 0.5) * 16000) - cut]
    files = [*tmp_path.glob("downloads/**/*.flac"), *tmp_path.glob("data/*/wav.scp")]
    times = {path: path.stat().st_mtime_ns for path in files}
    run(copy, tmp_path)
    assert len(times) == 15 and {path: path.stat().st_mtime_ns for path in files} == times


def test_clips_without_sound_are_listed(copy: Path, tmp_path: Path):
    names = ("pretrain/aB3dE5fG7hI/00001", "test/aloneALONE1/00001")
    for name in names:
        (copy / f"{name}.mp4").unlink()  # else all links would change
    write_silent_film(copy / f"{names[0]}.mp4")
    (copy / f"{names[1]}.mp4").write_bytes(b"<html>")
    run(copy, tmp_path)
    rejected = read_rejected(tmp_path / "data/lrs3_train")
    assert rejected == read_rejected(tmp_path / "data/lrs3")
    assert "holds no sound" in rejected.pop("lrs3_aB3dE5fG7hI-pretrain_00001")
    assert "not readable as audio" in rejected.pop("lrs3_aloneALONE1-test_00001")
    assert not rejected


def test_a_copy_that_is_not_whole(copy: Path, tmp_path: Path, caplog):
    assert sum(EXPECTED[f"{split} clips"] for split in ("pretrain", "trainval", "test")) == 151819
    data = tmp_path / "data"
    refused(prepare, copy / "pretrain", data, "expected LRS3: folders pretrain")
    with changed(copy / "test/aloneALONE1"):
        refused(prepare, copy, data, "LRS3: 2 of 3 test clips, 1 of 2 test videos; get the missing")
    (copy / "trainval/aB3dE5fG7hI/50021.mp4").unlink()
    (copy / "test/tE5tE5tE5tE/00001.txt").unlink()
    message = (
        "1 of 2 trainval clips; 1 texts without a clip, first trainval/aB3dE5fG7hI/50021; 1 clips "
        "without a text, first test/tE5tE5tE5tE/00001"
    )
    refused(prepare, copy, data, message, audio_dir=tmp_path / "downloads")
    assert not (tmp_path / "downloads").exists()
    run(copy, tmp_path, allow_incomplete=True)
    assert "going on with what is there" in caplog.text and "have words" in caplog.text
    assert read_rejected(data / "lrs3_train") == {
        "lrs3_aB3dE5fG7hI-trainval_50021": "no trainval/aB3dE5fG7hI/50021.mp4"
    }


def test_the_command(copy: Path, tmp_path: Path):
    arguments = f"lrs3 --db {tmp_path} --data {tmp_path}/data --audio_dir {tmp_path}/audio"
    arguments += " --max_clip_s 100 --seed 1 --tests in --num_test 2 --num_valid"
    main([*arguments.split(), "1"])
    for name, number in (("lrs3", 10), ("lrs3_valid", 1), ("lrs3_test", 2), ("lrs3_train", 7)):
        assert validate_data_directory(tmp_path / "data" / name) == number
    with pytest.raises(SystemExit, match="10 utterances, of which 9 for valid"):
        main([*arguments.split(), "9"])


@pytest.mark.parametrize(
    ("text", "kept"),
    [("A {NS} B", "A B"), ("{LG}", "{LG}"), ("WE {COUGH", "WE COUGH"), ("", None)],
)
def test_markers_are_taken_out_unless_nothing_else_is_there(text: str, kept: str | None):
    assert parse_clip_text(clip_text(text)).text == kept


def test_sections_may_be_missing_and_lines_may_end_as_on_other_systems():
    assert parse_clip_text(clip_text("A B", None)) == ClipText("A B")
    assert parse_clip_text(clip_text("A B", None, frames=False)) == ClipText("A B")
    assert parse_clip_text("") == ClipText(None)
    words = [("A", 0.08, 0.51), ("{LG}", 0.6, 1.0), ("B", 1.0, 1.4)]
    content = clip_text("A {LG} B", words).replace("\n", "\r\n")
    assert parse_clip_text(content) == ClipText("A B", tuple(Word(*word) for word in words))


@pytest.mark.parametrize("line", ["WORD ONE 2.0", "B 0.1 0.2 1.0", "B 0.9 0.7 1.0"])
def test_a_wrong_table_of_words_is_not_cut_by(line: str):
    clip = parse_clip_text(clip_text("A B", [("A", 0.5, 20.0)]) + line + "\n")
    assert clip == ClipText("A B", is_malformed=True)
    assert cut_at_pauses(clip) == [Piece(0.0, None, "A B")]


def pieces_of(words: list[tuple[str, float, float]]) -> list[Piece]:
    return cut_at_pauses(parse_clip_text(clip_text(" ".join(word[0] for word in words), words)))


@pytest.mark.parametrize(
    ("words", "cuts"),
    [
        (long_words(14.9, {}), []),
        # The last pause of 0.6 s in time, not the gap of 0.3 s after it.
        (long_words(24.0, {5: 0.5, 15: 0.5, 20: 0.2}), [15]),
        # Without a pause the widest gap, of 0.3 s; all others are 0.1 s.
        (long_words(20.0, {9: 0.2}), [9]),
        # A word longer than the limit is not cut.
        ([("A", 0.0, 40.0)], []),
        ([("A", 0.0, 40.0), ("B", 41.0, 42.0)], [1]),
    ],
)
def test_cuts_are_in_the_middle_of_pauses(words, cuts: list[int]):
    times_s = [(words[cut - 1][2] + words[cut][1]) / 2 for cut in cuts]
    ends = zip([0, *cuts], [*cuts, len(words)], strict=True)
    texts = [" ".join(word[0] for word in words[first:last]) for first, last in ends]
    expected = zip([0.0, *times_s], [*times_s, None], texts, strict=True)
    assert pieces_of(words) == [Piece(*piece) for piece in expected]


def test_pieces_cover_the_clip_and_none_is_too_long():
    words = long_words(200.0, dict.fromkeys(range(7, 300, 11), 0.6))
    pieces = pieces_of(words)
    assert len(pieces) >= 14
    ends = [piece.stop_s for piece in pieces[:-1]] + [words[-1][2]]
    assert [piece.start_s for piece in pieces[1:]] == ends[:-1]
    for piece, end_s in zip(pieces, ends, strict=True):
        assert 0 < end_s - piece.start_s <= 15.0
        within = [word for word in words if piece.start_s < word[2] and word[1] < end_s]
        assert piece.text == " ".join(word[0] for word in within)
