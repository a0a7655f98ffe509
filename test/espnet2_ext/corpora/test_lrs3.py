"""LRS3 on synthetic fixtures: counts, clips without sound, long clips, wrong roots."""

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from reference.changes import changed, refused
from reference.film import clicks, write_film, write_silent_film
from reference.lrs3_copy import clip_text, long_words, write_copy

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora import lrs3
from espnet2_ext.corpora.copies import self_check
from espnet2_ext.corpora.lrs3 import (
    EXPECTED,
    Clip,
    ClipText,
    Piece,
    Word,
    count,
    cut_at_pauses,
    parse_clip_text,
    prepare,
    read_release,
)
from espnet2_ext.data.directory import read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

TALKS = ("aB3dE5fG7hI", "-_dE5fG7h_1")
LONG = "pretrain/aB3dE5fG7hI/00002"
LONG_S = 20.0
COUNTS = {
    "pretrain clips": 5,
    "pretrain videos": 2,
    "trainval clips": 2,
    "trainval videos": 1,
    "test clips": 3,
    "test videos": 2,
}


def contents() -> dict[str, str | bytes | None]:
    """Return ten clips: a talk in two splits, a long clip, Latin-1, no table of words."""
    words = long_words(LONG_S, {12: 0.5})
    return {
        "pretrain/aB3dE5fG7hI/00001": clip_text("ONE {LG}", [("ONE", 0.1, 0.3)]),
        LONG: clip_text(" ".join(word[0] for word in words), words),
        "pretrain/aB3dE5fG7hI/00003": clip_text("NO TIMES", None),
        "pretrain/-_dE5fG7h_1/00001": clip_text("CAFÉ").encode("iso-8859-1"),
        "pretrain/-_dE5fG7h_1/00002": clip_text("TWO"),
        "trainval/aB3dE5fG7hI/00001": clip_text("THE SAME NUMBER AS IN PRETRAIN"),
        "trainval/aB3dE5fG7hI/50021": clip_text("FOUR"),
        "test/tE5tE5tE5tE/00001": clip_text("FIVE"),
        "test/tE5tE5tE5tE/00002": clip_text("SIX"),
        "test/aloneALONE1/00001": clip_text("SEVEN"),
    }


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "a.mp4", clicks(0.3, [0.1]))


@pytest.fixture
def make_copy(tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Return a writer of a copy, which counts as whole as long as it has these ten clips."""
    monkeypatch.setattr(lrs3, "EXPECTED", COUNTS)

    def make() -> Path:
        copy = write_copy(tmp_path, contents(), film)
        (copy / f"{LONG}.mp4").unlink()
        write_film(copy / f"{LONG}.mp4", clicks(LONG_S + 0.5, [0.1, 10.0]))
        return copy

    return make


def run(copy: Path, tmp_path: Path, **options):
    options = {"num_valid": 2, **options}
    return prepare(copy, tmp_path / "data", audio_dir=tmp_path / "downloads", **options)


def test_directories_ids_and_a_rerun(make_copy: Callable[[], Path], tmp_path: Path, caplog):
    caplog.set_level("INFO")
    copy = make_copy()
    sets = run(copy, tmp_path)
    ids = {name: {u.utterance_id for u in utterances} for name, utterances in sets.items()}
    assert ids["lrs3"] == {
        "lrs3_aB3dE5fG7hI-pretrain_00001",
        "lrs3_aB3dE5fG7hI-pretrain_00002_00",
        "lrs3_aB3dE5fG7hI-pretrain_00002_01",
        "lrs3_aB3dE5fG7hI-pretrain_00003",
        "lrs3_-_dE5fG7h_1-pretrain_00001",
        "lrs3_-_dE5fG7h_1-pretrain_00002",
        "lrs3_aB3dE5fG7hI-trainval_00001",
        "lrs3_aB3dE5fG7hI-trainval_50021",
    }
    assert ids["lrs3_train"] | ids["lrs3_valid"] == ids["lrs3"]
    assert (len(ids["lrs3_train"]), len(ids["lrs3_valid"])) == (6, 2)
    assert ids["lrs3_test"] == {f"lrs3_tE5tE5tE5tE-test_0000{number}" for number in (1, 2)}
    for name in sets:
        assert validate_data_directory(tmp_path / "data" / name, check_audio=True) == len(ids[name])
    tables = read_data_directory(tmp_path / "data/lrs3")
    assert tables["utt2spk"]["lrs3_-_dE5fG7h_1-pretrain_00001"] == "lrs3_-_dE5fG7h_1"
    assert tables["utt2session"]["lrs3_aB3dE5fG7hI-trainval_50021"] == "aB3dE5fG7hI"
    assert set(tables["utt2lang"].values()) == {"eng"}
    assert tables["text"]["lrs3_aB3dE5fG7hI-pretrain_00001"] == "ONE"
    assert tables["text"]["lrs3_-_dE5fG7h_1-pretrain_00001"] == "CAFÉ"
    assert list(read_table(tmp_path / "data/lrs3_test/pairs/reconstruction/pairs").values()) == [
        "lrs3_tE5tE5tE5tE-test_00001 lrs3_tE5tE5tE5tE-test_00001 lrs3_tE5tE5tE5tE-test_00002",
        "lrs3_tE5tE5tE5tE-test_00002 lrs3_tE5tE5tE5tE-test_00002 lrs3_tE5tE5tE5tE-test_00001",
    ]
    assert read_rejected(tmp_path / "data/lrs3_test") == {"lrs3_aloneALONE1-test_00001": lrs3.ALONE}
    assert "3 pretrain clips without times of words, which stay whole" in caplog.text
    assert "hidden files and folders" in caplog.text
    files = [*tmp_path.glob("downloads/**/*.flac"), *tmp_path.glob("data/*/wav.scp")]
    times = {path: path.stat().st_mtime_ns for path in files}
    run(copy, tmp_path)
    assert len(times) == 15 and {path: path.stat().st_mtime_ns for path in files} == times


def test_a_long_clip_becomes_pieces_with_their_words(make_copy: Callable[[], Path], tmp_path: Path):
    words = long_words(LONG_S, {12: 0.5})
    sets = run(make_copy(), tmp_path)
    pieces = [u for u in sets["lrs3"] if "pretrain_00002_" in u.utterance_id and "aB3" in u.speaker]
    assert [piece.text for piece in pieces] == [
        " ".join(word[0] for word in words[:12]),
        " ".join(word[0] for word in words[12:]),
    ]
    cut_s = (words[11][2] + words[12][1]) / 2
    lengths = [soundfile.info(piece.wav).frames for piece in pieces]
    assert lengths == [round(cut_s * 16000), round((LONG_S + 0.5) * 16000) - round(cut_s * 16000)]


def test_the_test_split_is_trained_on_where_that_is_asked_for(
    make_copy: Callable[[], Path], tmp_path: Path
):
    sets = run(make_copy(), tmp_path, tests="in", num_valid=1, num_test=2)
    assert {name: len(members) for name, members in sets.items()} == dict(
        lrs3=11, lrs3_train=8, lrs3_valid=1, lrs3_test=2
    )
    with pytest.raises(ValueError, match="tests is 'no'; give out or in"):
        run(tmp_path, tmp_path, tests="no")


def test_clips_without_sound_are_listed(make_copy: Callable[[], Path], tmp_path: Path):
    copy = make_copy()
    for name, write in (
        ("pretrain/aB3dE5fG7hI/00001", write_silent_film),
        ("test/aloneALONE1/00001", lambda path: path.write_bytes(b"<html>")),
    ):
        (copy / f"{name}.mp4").unlink()
        write(copy / f"{name}.mp4")
    run(copy, tmp_path)
    rejected = read_rejected(tmp_path / "data/lrs3_train")
    assert "holds no sound" in rejected.pop("lrs3_aB3dE5fG7hI-pretrain_00001")
    assert "not readable as audio" in rejected.pop("lrs3_aloneALONE1-test_00001")
    assert not rejected
    assert "lrs3_aB3dE5fG7hI-pretrain_00001" in read_rejected(tmp_path / "data/lrs3")


def test_full_counts_pass_and_every_count_is_compared(tmp_path: Path):
    clips = []
    for split in ("pretrain", "trainval", "test"):
        videos = EXPECTED[f"{split} videos"]
        clips += [
            Clip(split, f"{number % videos:011d}", f"{number // videos:05d}")
            for number in range(EXPECTED[f"{split} clips"])
        ]
    assert len(clips) == 151819
    assert count(clips) == EXPECTED
    self_check(tmp_path, "LRS3", EXPECTED, count(clips))
    with pytest.raises(ValueError, match="1320 of 1321 test clips; get the missing part again"):
        self_check(tmp_path, "LRS3", EXPECTED, count(clips[:-1]))


def test_a_copy_that_is_not_whole(make_copy: Callable[[], Path], tmp_path: Path, caplog):
    copy = make_copy()
    data, both = tmp_path / "data", copy / "test/aloneALONE1"
    with changed(both):
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
    assert not (data / "lrs3_test/text").exists()


def test_what_is_no_clip_is_counted(make_copy: Callable[[], Path]):
    copy = make_copy()
    (copy / "pretrain/readme.txt").touch()
    (copy / "pretrain/short_id").mkdir()
    (copy / "pretrain/aB3dE5fG7hI/00001.wav").touch()
    (copy / "pretrain/aB3dE5fG7hI/notes.txt").touch()
    (copy / "pretrain/.hidden").mkdir()
    release = read_release(copy)
    assert (len(release.videos), len(release.texts)) == (10, 10)
    assert release.left_out["files and folders beside those of the videos"] == 2
    assert release.left_out["files among the clips that are none"] == 2
    assert release.left_out["hidden files and folders"] == 11


def test_roots(make_copy: Callable[[], Path], tmp_path: Path):
    copy = make_copy()
    refused(prepare, copy / "pretrain", tmp_path / "data", "expected LRS3: folders pretrain")
    (copy / "copy/test/aB3dE5fG7hI").mkdir(parents=True)  # the highest is taken
    assert set(run(tmp_path, tmp_path)) == {"lrs3", "lrs3_train", "lrs3_valid", "lrs3_test"}


def test_the_command(make_copy: Callable[[], Path], tmp_path: Path):
    arguments = f"lrs3 --db {make_copy()} --data {tmp_path}/data --audio_dir {tmp_path}/audio"
    arguments += " --max_clip_s 100 --seed 1 --num_valid"
    main([*arguments.split(), "3"])
    assert validate_data_directory(tmp_path / "data/lrs3_valid") == 3
    assert validate_data_directory(tmp_path / "data/lrs3") == 7
    with pytest.raises(SystemExit, match="7 utterances, of which 9 are for valid"):
        main([*arguments.split(), "9"])


def test_text_and_words():
    words = [("SOMETHING", 0.08, 0.51), ("{LG}", 0.6, 1.0), ("LEFT", 1.0, 1.4)]
    clip = parse_clip_text(clip_text("SOMETHING {LG} LEFT", words))
    assert clip == ClipText("SOMETHING LEFT", tuple(Word(*word) for word in words))


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
    content = clip_text("A B", [("A", 0.1, 0.2), ("B", 0.3, 0.4)]).replace("\n", "\r\n")
    assert [word.text for word in parse_clip_text(content).words] == ["A", "B"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("WORD ONE 2.0", "is not word, start, end and score"),
        ("B 0.1 0.2 1.0", "goes back in time"),
        ("B 0.9 0.7 1.0", "goes back in time"),
    ],
)
def test_a_wrong_table_of_words_is_not_cut_by(line: str, fault: str):
    content = clip_text("A B", [("A", 0.5, 20.0)]) + line + "\n"
    clip = parse_clip_text(content)
    assert clip.words == () and fault in str(clip.fault)
    assert cut_at_pauses(clip) == [Piece(0.0, None, "A B")]


def clip_of(words: list[tuple[str, float, float]]) -> ClipText:
    return parse_clip_text(clip_text(" ".join(word[0] for word in words), words))


def test_short_clips_and_clips_without_times_stay_whole():
    for clip in (clip_of(long_words(14.9, {})), ClipText("A B"), ClipText(None)):
        assert cut_at_pauses(clip) == [Piece(0.0, None, clip.text)]


def test_a_long_clip_is_cut_in_the_middle_of_the_last_pause_in_time():
    # Pauses of 0.6 s before words 5 and 15, of 0.3 s before word 20.
    words = long_words(24.0, {5: 0.5, 15: 0.5, 20: 0.2})
    pieces = cut_at_pauses(clip_of(words))
    cut_s = (words[14][2] + words[15][1]) / 2
    assert [(piece.start_s, piece.stop_s) for piece in pieces] == [
        (0.0, pytest.approx(cut_s)),
        (pytest.approx(cut_s), None),
    ]
    assert pieces[0].text == " ".join(f"W{i}" for i in range(15))
    assert pieces[1].text == " ".join(f"W{i}" for i in range(15, len(words)))


def test_pieces_cover_the_clip_and_none_is_too_long():
    words = long_words(200.0, dict.fromkeys(range(7, 300, 11), 0.6))
    pieces = cut_at_pauses(clip_of(words))
    assert len(pieces) >= 14
    ends = [piece.stop_s for piece in pieces[:-1]] + [words[-1][2]]
    for piece, end_s in zip(pieces, ends, strict=True):
        assert 0 < end_s - piece.start_s <= 15.0
        assert all(piece.start_s <= a and b <= end_s for _, a, b in _within(words, piece, end_s))
    assert [piece.start_s for piece in pieces[1:]] == ends[:-1]
    assert " ".join(piece.text for piece in pieces) == " ".join(word[0] for word in words)


def _within(words, piece, end_s):
    return [word for word in words if piece.start_s < word[2] and word[1] < end_s]


def test_without_a_pause_the_widest_gap_is_cut():
    words = long_words(20.0, {9: 0.2})  # a gap of 0.3 s, all others 0.1 s
    first, second = cut_at_pauses(clip_of(words))
    assert first.stop_s == second.start_s == pytest.approx((words[8][2] + words[9][1]) / 2)


def test_a_word_longer_than_the_limit_is_not_cut():
    assert cut_at_pauses(clip_of([("A", 0.0, 40.0)])) == [Piece(0.0, None, "A")]
    words = [("A", 0.0, 40.0), ("B", 41.0, 42.0)]
    assert cut_at_pauses(clip_of(words)) == [Piece(0.0, 40.5, "A"), Piece(40.5, None, "B")]
