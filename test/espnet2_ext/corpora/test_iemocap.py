"""IEMOCAP on a made-up release with all 10,039 turns, whole and broken in every way."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.copies import self_check
from espnet2_ext.corpora.iemocap import (
    CLASSES,
    EXPECTED_TURNS,
    TURNS,
    Turn,
    count,
    expected_counts,
    prepare,
)
from espnet2_ext.data.directory import Utterance, read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected

ROOT = Path(__file__).resolve().parents[3]
FIRST = "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01"


@contextmanager
def changed(path: Path, content: bytes | None = None) -> Iterator[None]:
    """Take a file or folder away, or give the file other content, until the block ends."""
    aside = path.parent.with_name(f".{path.name}.aside")
    path.rename(aside)
    if content is not None:
        path.write_bytes(content)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        aside.rename(path)


def first_wav(release: Path, label: str) -> str:
    """Return the wav, below the release, of the first turn of Session1 with a label."""
    for path in sorted((release / "Session1/dialog/EmoEvaluation").glob("Ses*.txt")):
        for line in path.read_text().splitlines():
            columns = line.split("\t")
            if line.startswith("[") and columns[2] == label:
                return f"Session1/sentences/wav/{path.stem}/{columns[1]}.wav"
    raise AssertionError(label)


def refused(release: Path, tmp_path: Path, message: str) -> None:
    """Check that the release is refused with this message and that nothing is written."""
    with pytest.raises(ValueError, match=message) as caught:
        prepare(release, tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


@pytest.fixture(scope="module")
def prepared(whole_release: Path, tmp_path_factory) -> tuple[list[Utterance], Path]:
    """Return the utterances and the data directory of the whole release."""
    folder = tmp_path_factory.mktemp("data")
    sets = prepare(whole_release.parent, folder)
    assert list(sets) == ["iemocap"]
    return sets["iemocap"], folder / "iemocap"


def test_whole_release(prepared: tuple[list[Utterance], Path]):
    utterances, path = prepared
    assert Counter(utterance.emotion for utterance in utterances) == {
        "neutral": 1708,
        "angry": 1103,
        "happy": 1636,
        "sad": 1084,
    }
    assert len({utterance.dialogue for utterance in utterances}) == 151
    assert len({utterance.speaker for utterance in utterances}) == 10
    for utterance in utterances:
        speaker, _, turn = utterance.utterance_id.partition("-")
        letter = turn.rpartition("_")[2][0]
        assert speaker == utterance.speaker == f"{turn[:5]}{letter}"
        assert (utterance.session, utterance.dialogue) == (turn[:5], turn[:-5])
        assert Path(utterance.wav).stem == turn and Path(utterance.wav).is_absolute()
        assert "\t" not in utterance.text and utterance.text.startswith("Words of the turn")
    assert validate_data_directory(path) == 5531
    assert set(read_data_directory(path).tables) == {
        *("wav.scp", "utt2spk", "text", "utt2emo", "utt2session", "utt2dialogue", "utt2lang")
    }


def test_every_turn_left_out_is_listed_with_its_reason(prepared: tuple[list[Utterance], Path]):
    utterances, path = prepared
    rejected = read_rejected(path)
    assert len(rejected) == 10039 - 5531
    assert not rejected.keys() & {utterance.utterance_id for utterance in utterances}
    assert Counter(rejected.values()) == {
        "label xxx: raters disagree": 2507,
        "label fru: not among the classes": 1849,
        "label sur: not among the classes": 107,
        "label fea: not among the classes": 40,
        "label oth: not among the classes": 3,
        "label dis: not among the classes": 2,
    }


def test_ten_classes_through_the_command(whole_release: Path, tmp_path: Path):
    main(["iemocap", "--db", str(whole_release), "--data", str(tmp_path), "--classes", "10"])
    emotions = read_data_directory(tmp_path / "iemocap_10").table("utt2emo")
    counts = Counter(emotions.values())
    assert len(emotions) == 7532 and len(counts) == 10
    assert (counts["happy"], counts["excited"], counts["other"]) == (595, 1041, 3)
    assert set(read_rejected(tmp_path / "iemocap_10").values()) == {"label xxx: raters disagree"}


def test_rerun_touches_nothing(make_release: Callable[..., Path], tmp_path: Path):
    release = make_release("neu", "xxx")
    prepare(release, tmp_path / "data", allow_incomplete=True)
    tables = [path for path in (tmp_path / "data/iemocap").iterdir() if path.suffix != ".tsv"]
    times = {path: path.stat().st_mtime_ns for path in tables}
    prepare(release, tmp_path / "data", allow_incomplete=True)
    assert {path: path.stat().st_mtime_ns for path in tables} == times


def test_excited_is_happy_and_speakers_are_by_the_last_letter(make_release, tmp_path: Path):
    release = make_release("exc", "hap", "fru")
    (utterances,) = prepare(release, tmp_path, allow_incomplete=True).values()
    assert [(u.utterance_id, u.emotion) for u in utterances] == [
        ("Ses01F-Ses01F_impro01_F000", "happy"),
        ("Ses01M-Ses01F_impro01_M000", "happy"),
    ]


@pytest.mark.parametrize(
    ("label", "utterances"), [("ang", r".*5530 of 5531 utterances .*: Ses01./angry"), ("xxx", "")]
)
def test_missing_wav(whole_release: Path, tmp_path: Path, label: str, utterances: str):
    wav = first_wav(whole_release, label)
    with changed(whole_release / wav):
        refused(whole_release, tmp_path, f"{utterances}.*1 wavs missing, first {wav}; get the m")


def test_unreadable_wav(whole_release: Path, tmp_path: Path):
    wav = first_wav(whole_release, "sad")
    with changed(whole_release / wav, b"<html>404</html>"):
        refused(whole_release, tmp_path, rf"5530 of .*1 wavs unreadable, first {wav} \(not reada")


def test_wavs_that_cannot_be_used_are_listed_where_the_incomplete_is_allowed(
    make_release: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    release = make_release("ang", "neu", "sad", "xxx", "hap")
    whole = (release / f"{FIRST}_F000.wav").read_bytes()
    (release / f"{FIRST}_M000.wav").unlink()
    (release / f"{FIRST}_M001.wav").unlink()
    for name, content in (
        ("F000", b""),
        ("F001", whole[: whole.index(b"data")] + b"data" + bytes(4)),
        ("F999", whole),
    ):
        (release / f"{FIRST}_{name}.wav").unlink(missing_ok=True)  # else all links would change
        (release / f"{FIRST}_{name}.wav").write_bytes(content)
    (utterances,) = prepare(release, tmp_path, allow_incomplete=True).values()
    assert [utterance.utterance_id for utterance in utterances] == ["Ses01F-Ses01F_impro01_F002"]
    rejected = read_rejected(tmp_path / "iemocap")
    assert rejected.pop("Ses01F-Ses01F_impro01_F000").startswith(
        f"{FIRST}_F000.wav: not readable as audio: Error opening"
    )
    assert rejected == {
        f"{FIRST}_F999.wav": "wav without a label",
        "Ses01F-Ses01F_impro01_F001": f"{FIRST}_F001.wav: holds no samples",
        "Ses01M-Ses01F_impro01_M000": f"label neu; no {FIRST}_M000.wav",
        "Ses01M-Ses01F_impro01_M001": f"label xxx; no {FIRST}_M001.wav",
    }
    assert f"2 wavs missing, first {FIRST}_M000.wav; 2 wavs unreadable, first" in caplog.text
    assert "going on with what is there" in caplog.text


def test_wav_without_label_is_listed_and_no_fault(whole_release: Path, tmp_path: Path, caplog):
    extra = whole_release / f"{FIRST}_F999.wav"
    extra.touch()
    try:
        (utterances,) = prepare(whole_release, tmp_path).values()
    finally:
        extra.unlink()
    assert len(utterances) == 5531
    assert f"1 wavs without a label, first {FIRST}_F999.wav" in caplog.text
    assert read_rejected(tmp_path / "iemocap")[f"{FIRST}_F999.wav"] == "wav without a label"


def test_missing_label_file(whole_release: Path, tmp_path: Path):
    with changed(whole_release / "Session3/dialog/EmoEvaluation/Ses03M_impro05a.txt"):
        refused(whole_release, tmp_path, r"5501 of 5531 utterances .*: Ses03F/")


def test_changed_label(whole_release: Path, tmp_path: Path):
    path = whole_release / "Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt"
    with changed(path, path.read_bytes().replace(b"\tneu\t", b"\tsad\t", 1)):
        refused(
            whole_release,
            tmp_path,
            "release: 220 of 221 utterances of 4 classes: Ses05F/neutral, 133 of 132 utterances of "
            "4 classes: Ses05F/sad, 220 of 221 labelled turns: Ses05F/neu and",
        )


def test_two_labels_of_one_turn(whole_release: Path, tmp_path: Path):
    path = whole_release / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    line = next(line for line in path.read_text().splitlines() if line.startswith("["))
    other = line.replace(line.split("\t")[2], "oth")
    with changed(path, path.read_bytes() + other.encode()):
        refused(whole_release, tmp_path, r"Ses01F_impro01.txt:\d+: .* is labelled 'oth', but")


def test_missing_session(whole_release: Path, tmp_path: Path):
    with changed(whole_release / "Session4"):
        refused(
            whole_release,
            tmp_path,
            "4500 of 5531 utterances .*; 3 expected folders not there, first Session4/sentences",
        )


def test_missing_transcription(whole_release: Path, tmp_path: Path):
    with changed(whole_release / "Session2/dialog/transcriptions/Ses02F_impro03.txt"):
        refused(
            whole_release, tmp_path, r"turns without words in dialog/transcriptions, first Ses02"
        )


def test_text_is_left_out_where_a_turn_has_no_words(make_release, tmp_path: Path, caplog):
    release = make_release("ang", "neu")
    path = release / "Session1/dialog/transcriptions/Ses01F_impro01.txt"
    path.write_text(path.read_text().replace("Ses01F_impro01_M000", "Ses01F_impro01_MXX1"))
    (utterances,) = prepare(release, tmp_path, allow_incomplete=True).values()
    assert (
        "the table text is left out, 1 turns have no words, first Ses01F_impro01_M" in caplog.text
    )
    assert [utterance.text for utterance in utterances] == [None, None]
    assert not (tmp_path / "iemocap/text").exists()


def test_nothing_to_keep_is_an_error_even_where_the_incomplete_is_allowed(make_release, tmp_path):
    with pytest.raises(ValueError, match="no labelled turn has a wav; unpack the release again"):
        prepare(make_release("xxx"), tmp_path, allow_incomplete=True)


def test_wrong_classes_are_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match=r"classes is 5; give 4 .* or 10 \(all labels\)"):
        prepare(tmp_path, tmp_path, classes=5)


def test_command_ends_with_one_line_for_a_wrong_root(tmp_path: Path):
    with pytest.raises(SystemExit, match="^prepare iemocap: .*nowhere: is not there; expected IEM"):
        main(["iemocap", "--db", str(tmp_path / "nowhere"), "--data", str(tmp_path)])


def test_local_data_sh(make_release: Callable[..., Path], tmp_path: Path):
    release = make_release("exc", "xxx")
    recipe = tmp_path / "egs2/iemocap/ser1"
    shutil.copytree(ROOT / "egs2/iemocap/ser1/local", recipe / "local")
    for name in ("tools", "espnet2_ext"):
        (tmp_path / name).symlink_to(ROOT / name)
    (recipe / "common").symlink_to(ROOT / "egs2/TEMPLATE/common")
    (recipe / "path.sh").symlink_to(ROOT / "egs2/TEMPLATE/common/path.sh")
    command = ["local/data.sh", "--db", str(release)]
    refusal = subprocess.run(command, cwd=recipe, capture_output=True, text=True, timeout=60)
    assert refusal.returncode != 0
    assert "not a whole IEMOCAP release" in refusal.stderr.splitlines()[-1]
    command.append("--allow_incomplete")
    subprocess.run(command, cwd=recipe, check=True, capture_output=True, timeout=60)
    assert read_data_directory(recipe / "data/iemocap").table("utt2emo") == {
        "Ses01F-Ses01F_impro01_F000": "happy"
    }


PUBLISHED_LABELS = {
    "neu": 1708,
    "fru": 1849,
    "ang": 1103,
    "sad": 1084,
    "exc": 1041,
    "hap": 595,
    "sur": 107,
    "fea": 40,
    "oth": 3,
    "dis": 2,
    "xxx": 2507,
}
PUBLISHED_SESSIONS = {  # sum, angry, happy, neutral, sad
    "Ses01": (1085, 229, 278, 384, 194),
    "Ses02": (1023, 137, 327, 362, 197),
    "Ses03": (1151, 240, 286, 320, 305),
    "Ses04": (1031, 327, 303, 258, 143),
    "Ses05": (1241, 170, 442, 384, 245),
}
PUBLISHED_SPEAKERS = {  # sum, angry, happy, neutral, sad
    "Ses01F": (528, 147, 132, 171, 78),
    "Ses01M": (557, 82, 146, 213, 116),
    "Ses02F": (481, 67, 166, 135, 113),
    "Ses02M": (542, 70, 161, 227, 84),
    "Ses03F": (522, 92, 128, 130, 172),
    "Ses03M": (629, 148, 158, 190, 133),
    "Ses04F": (528, 205, 185, 76, 62),
    "Ses04M": (503, 122, 118, 182, 81),
    "Ses05F": (590, 78, 159, 221, 132),
    "Ses05M": (651, 92, 283, 163, 113),
}
EMOTIONS = ("angry", "happy", "neutral", "sad")


def part_of(counts: dict[str, int], what: str) -> dict[str, int]:
    """Return the counts of turns or of utterances by what stands behind the colon."""
    return {
        name.partition(": ")[2]: number for name, number in counts.items() if name.startswith(what)
    }


def test_table_adds_up_to_the_published_labels():
    counts = part_of(expected_counts(4), TURNS)
    assert counts[""] == 10039
    assert {label: counts[label] for label in PUBLISHED_LABELS} == PUBLISHED_LABELS
    # Splits of two public recipes: sessions 1 to 3 and dialogues of 4 together, and session 5.
    assert counts[""] - counts["Ses05"] == 6871 + 998 == 6468 + 1401
    assert counts["Ses05"] == 2170
    session = {
        label: counts[f"Ses05F/{label}"] + counts[f"Ses05M/{label}"] for label in CLASSES[10]
    }
    assert session == {
        **{"neu": 384, "fru": 381, "exc": 299, "sad": 245, "ang": 170, "hap": 143},
        **{"sur": 18, "fea": 10, "dis": 0, "oth": 0},
    }


def test_four_classes_add_up_to_the_published_sessions_and_speakers():
    counts = part_of(expected_counts(4), "utterances")
    assert counts[""] == 5531
    for name, (total, *rest) in {**PUBLISHED_SESSIONS, **PUBLISHED_SPEAKERS}.items():
        assert counts[name] == total == sum(rest)
        speakers = [name] if name in EXPECTED_TURNS else [f"{name}F", f"{name}M"]
        found = [sum(counts[f"{s}/{emotion}"] for s in speakers) for emotion in EMOTIONS]
        assert found == rest
    assert [counts[emotion] for emotion in EMOTIONS] == [1103, 1636, 1708, 1084]


def test_ten_classes_are_all_but_the_disagreement():
    counts = part_of(expected_counts(10), "utterances")
    assert counts[""] == 10039 - 2507
    assert (counts["happy"], counts["excited"], counts["frustrated"]) == (595, 1041, 1849)


def make_turns() -> list[Turn]:
    return [
        Turn(f"{speaker}_impro01_{speaker[-1]}{index % 1000:03d}", label)
        for speaker, counts in EXPECTED_TURNS.items()
        for label, number in counts.items()
        for index in range(number)
    ]


def check(turns: list[Turn], kept: list[Turn], classes: int = 4) -> None:
    found = count(turns, kept, classes)
    self_check(Path("release"), "IEMOCAP release", expected_counts(classes), found)


@pytest.mark.parametrize("classes", [4, 10])
def test_whole_release_passes_and_is_reported(classes: int, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    turns = make_turns()
    kept = [turn for turn in turns if turn.label in CLASSES[classes]]
    check(turns, kept, classes)
    lines = {" ".join(record.getMessage().split()) for record in caplog.records}
    assert {"labelled turns 10039 10039", "labelled turns: xxx 2507 2507"} <= lines
    assert f"utterances of {classes} classes {len(kept)} {len(kept)}" in lines
    assert "release: self-check passed" in lines


def test_every_difference_is_an_error_with_its_place():
    turns = make_turns()
    kept = [turn for turn in turns if turn.label in CLASSES[4]]
    sad = next(turn for turn in kept if turn.label == "sad")
    with pytest.raises(ValueError, match="^release: not a whole IEMOCAP release: 5530 of 5531 utt"):
        check(turns, [turn for turn in kept if turn is not sad])
    with pytest.raises(ValueError, match=r"5532 of 5531 .*, 79 of 78 utter.* Ses01F/sad, "):
        check(turns, [*kept, sad])
    unlabelled = [turn for turn in turns if turn.label != "dis"]
    with pytest.raises(ValueError, match=r": 0 of 1 labelled turns: Ses01M/dis, .*, 10037 of"):
        check(unlabelled, kept)
    # The right totals do not hide that two speakers were exchanged.
    swapped = [Turn(turn.turn_id[:-4] + "F" + turn.turn_id[-3:], turn.label) for turn in turns]
    with pytest.raises(ValueError, match=r": 229 of 147 labelled turns: Ses01F/ang, .* and \d+ m"):
        check(swapped, kept)
