"""IEMOCAP on synthetic releases, one with all 10,039 turns, whole and broken in every way."""

import io
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from reference.changes import added, changed, refused
from reference.iemocap_copy import plan_turns, small_turns, write_release

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.iemocap import (
    CLASSES,
    EXPECTED_TURNS,
    LABELS,
    TURNS,
    Release,
    find_release,
    prepare,
    read_labels,
    read_release,
    read_transcription,
    tally,
    unpack,
    wav_of,
)
from espnet2_ext.data.directory import read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected

FOLDER = "IEMOCAP_full_release"
DIALOGUE = "Session1/sentences/wav/Ses01F_impro01"
FIRST = f"{DIALOGUE}/Ses01F_impro01"
LINE = "[12.3400 - 15.6700]\tSes02F_impro04_M011\tfru\t[2.0000, 3.5000, 3.0000]"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release with all 10,039 turns; a test that changes it puts it back."""
    return write_release(tmp_path_factory.mktemp("iemocap"), plan_turns())


def test_whole_release(whole: Path, tmp_path: Path):
    utterances = prepare(whole.parent, tmp_path)["iemocap"]
    assert Counter(utterance.emotion for utterance in utterances) == dict(
        neutral=1708, angry=1103, happy=1636, sad=1084
    )
    assert len({utterance.dialogue for utterance in utterances}) == 151
    assert len({utterance.speaker for utterance in utterances}) == 10
    for utterance in utterances:
        speaker, _, turn = utterance.utterance_id.partition("-")
        assert speaker == utterance.speaker == turn[:5] + turn.rpartition("_")[2][0]
        assert (utterance.session, utterance.dialogue) == (turn[:5], turn[:-5])
        assert Path(utterance.wav).stem == turn and Path(utterance.wav).is_absolute()
        assert "\t" not in utterance.text and utterance.text.startswith("Words of the turn")
    assert validate_data_directory(tmp_path / "iemocap") == 5531
    rejected = read_rejected(tmp_path / "iemocap")
    assert not rejected.keys() & {utterance.utterance_id for utterance in utterances}
    others = dict(fru=1849, sur=107, fea=40, oth=3, dis=2)
    assert Counter(rejected.values()) == {
        "label xxx: raters disagree": 2507,
        **{f"label {label}: not among the classes": number for label, number in others.items()},
    }


def test_ten_classes_through_the_command(whole: Path, tmp_path: Path, caplog):
    with added(whole / f"{FIRST}_F999.wav"):  # no fault
        main(["iemocap", "--db", str(whole), "--data", str(tmp_path), "--classes", "10"])
    assert f"1 wavs without a label, first {FIRST}_F999.wav" in caplog.text
    emotions = read_data_directory(tmp_path / "iemocap_10")["utt2emo"]
    counts = Counter(emotions.values())
    assert len(emotions) == 7532 and len(counts) == 10
    assert (counts["happy"], counts["excited"], counts["other"]) == (595, 1041, 3)
    rejected = read_rejected(tmp_path / "iemocap_10")
    assert rejected.pop(f"{FIRST}_F999.wav") == "wav without a label"
    assert set(rejected.values()) == {"label xxx: raters disagree"}
    refused(prepare, whole, tmp_path / "x", r"classes is 5; give 4 .* or 10 \(all la", classes=5)
    refused(prepare, whole / "Session1", tmp_path / "x", "Session1: no IEMOCAP here")


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("ang", None, "5530 of 5531 utterances .*: Ses01./angry.*1 wavs missing, first {}; get"),
        ("xxx", None, "1 wavs missing, first {}; get"),
        (
            *("Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt", b"\tsad\t"),
            "release: 220 of 221 utterances of 4 classes: Ses05F/neutral, 133 of 132 utterances of "
            "4 classes: Ses05F/sad, 220 of 221 labelled turns: Ses05F/neu and",
        ),
        ("sad", b"<html>404</html>", r"5530 of .*1 wavs unreadable, first {} \(not readable"),
        ("Session3/dialog/EmoEvaluation/Ses03M_impro05a.txt", None, "5501 of 5531 utter.*: Ses03F"),
        ("Session4", None, "4500 of 5531 .*; 3 expected folders not there, first Session4/sente"),
        (
            *("Session2/dialog/transcriptions/Ses02F_impro03.txt", None),
            "turns without words in dialog/transcriptions, first Ses02",
        ),
    ],
)
def test_what_is_missing_or_unreadable(
    path: str, content: bytes | None, message: str, whole: Path, tmp_path: Path
):
    if path in LABELS:  # a wav of such a turn
        turns = read_release(whole).labels.items()
        path = min(wav_of(turn) for turn, own in turns if own == path and turn[:5] == "Ses01")
    if content == b"\tsad\t":  # in place of a label
        content = (whole / path).read_bytes().replace(b"\tneu\t", content, 1)
    with changed(whole / path, content):
        refused(prepare, whole, tmp_path / "data", message.format(path))


def test_what_cannot_be_used_is_listed_where_the_incomplete_is_allowed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    release = write_release(tmp_path, small_turns("ang", "neu", "sad", "xxx", "hap"))
    content = (release / f"{FIRST}_F000.wav").read_bytes()
    for name in ("M000", "M001", "F000", "F001"):
        (release / f"{FIRST}_{name}.wav").unlink()  # else all links would change
    (release / f"{FIRST}_F000.wav").touch()
    no_samples = content[: content.index(b"data") + 4] + bytes(4)
    (release / f"{FIRST}_F001.wav").write_bytes(no_samples)
    texts = release / "Session1/dialog/transcriptions/Ses01F_impro01.txt"
    texts.write_text(texts.read_text().replace("Ses01F_impro01_F002", "Ses01F_impro01_FXX1"))
    [utterance] = prepare(release, tmp_path, allow_incomplete=True)["iemocap"]
    assert (utterance.utterance_id, utterance.text) == ("Ses01F-Ses01F_impro01_F002", None)
    rejected = read_rejected(tmp_path / "iemocap")
    assert rejected.pop("Ses01F-Ses01F_impro01_F000").startswith(
        f"{FIRST}_F000.wav: not readable as audio: Error opening"
    )
    assert rejected == {
        "Ses01F-Ses01F_impro01_F001": f"{FIRST}_F001.wav: holds no samples",
        "Ses01M-Ses01F_impro01_M000": f"label neu; no {FIRST}_M000.wav",
        "Ses01M-Ses01F_impro01_M001": f"label xxx; no {FIRST}_M001.wav",
    }
    assert f"2 wavs missing, first {FIRST}_M000.wav; 2 wavs unreadable, first" in caplog.text
    assert "text is left out, 1 turns have no words" in caplog.text
    (release / f"{FIRST}_F002.wav").unlink()
    message = "no labelled turn has a wav; unpack the release again"
    refused(prepare, release, tmp_path / "data", message, allow_incomplete=True)


PUBLISHED = {  # sum, angry, happy, neutral, sad
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
KEPT = {cell: number for cell, number in EXPECTED_TURNS.items() if cell[1] in CLASSES[4]}


def test_table_adds_up_to_the_published_counts():
    counts = tally(EXPECTED_TURNS, KEPT, 4)
    assert counts[TURNS] == 10039
    published = [1103, 595, 1041, 1708, 1084, 1849, 107, 40, 2, 3, 2507]
    assert [counts[f"{TURNS}: {label}"] for label in LABELS] == published
    # Splits of two public recipes: sessions 1 to 3 and dialogues of 4 together, and session 5.
    assert counts[TURNS] - counts[f"{TURNS}: Ses05"] == 6871 + 998 == 6468 + 1401
    four, emotions = "utterances of 4 classes", ("angry", "happy", "neutral", "sad")
    assert counts[four] == 5531
    for name, (total, *rest) in PUBLISHED.items():
        assert counts[f"{four}: {name}"] == total == sum(rest)
        found = [counts[f"{four}: {name}/{emotion}"] for emotion in emotions]
        assert found == rest


def write(path: Path, *lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def test_labels_of_a_file(tmp_path: Path):
    header = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
    ratings = ["C-E2:\tFrustration; Anger;\t(annoyé)", "A-F1:\tval 2; act 4; dom  3;\t()"]
    spaced = "[1.0 - 2.0]  Ses02F_impro04_F000  neu  [2.5, 2.5, 2.5]"
    lines = [header, "", LINE, *ratings, "", spaced, "stray", "[a remark]", LINE]
    release = Release(tmp_path)
    read_labels(release, write(tmp_path / "a.txt", *lines, encoding="latin-1", end="\r\n"))
    assert release.labels == {"Ses02F_impro04_M011": "fru", "Ses02F_impro04_F000": "neu"}
    assert release.left_out == {
        "lines of EmoEvaluation that are neither turns nor ratings": 2,
        "turns labelled twice, the same way": 1,
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tfru", "", r"expected '\[start - end\]<TAB>turn<TAB>label<TAB>.* ang hap .* xxx, got"),
        ("3.0000]", "", r"expected '\[start"),
        ("_M011", "_MXX1", "got '.*Ses02F_impro04_MXX1"),
        ("Ses02F", "Ses06F", "got '.*Ses06F_impro04_M011"),
        ("fru", "frustrated", "got '.*frustrated"),
        ("fru", "ang", "_M011 is labelled 'ang', but 'fru' before"),
    ],
)
def test_broken_label_line(tmp_path: Path, old: str, new: str, message: str):
    path = write(tmp_path / "a.txt", LINE, LINE.replace(old, new))
    with pytest.raises(ValueError, match=rf"a\.txt:2: .*{message}.*; restore the file"):
        read_labels(Release(tmp_path), path)


def test_transcription(tmp_path: Path):
    path = write(
        tmp_path / "a.txt",
        "Ses02F_impro04_FXX0 [000.0000-000.1000]: Mm-hm.",
        "Ses02F_impro04_M011 [012.3400-015.6700]:  I said:\ttoo  [LAUGHTER] late. ",
        "Ses05M_script01_1b_F003 [012.3400-015.6700]: Yes.",
        "Ses05M_script01_1b_F003 [012.3400-015.6700]: No.",
        "Ses02F_impro04_M012 [012.3400-015.6700]: ",
        "M: [BREATHING]",
        "Ses02F_impro04_M013 without times",
        "",
        end="\r\n",
    )
    release = Release(tmp_path)
    read_transcription(release, path)
    assert release.texts == {
        "Ses02F_impro04_M011": "I said: too [LAUGHTER] late.",
        "Ses05M_script01_1b_F003": "Yes.",
    }
    assert release.left_out == {
        "transcribed turns XX0, XX1, ... that have no wav": 1,
        "lines of transcriptions without a turn": 2,
        "turns transcribed twice, the first is kept": 1,
        "turns transcribed by no words": 1,
    }


def test_only_what_belongs_to_the_corpus_is_read(tmp_path: Path):
    turns = small_turns("ang", "neu", "xxx")
    root = write_release(tmp_path, turns)
    labels = root / "Session1/dialog/EmoEvaluation"
    (labels / "Ses01F_impro01 (copy).txt").write_text("[1 - 2]\tSes01F_impro01_F009\tneu\t[1]\n")
    for path in (labels / "readme.md", root / f"{FIRST}_F000.lab", root / f"{FIRST}_F777.wav"):
        path.touch()
    (root / "Session1/sentences/wav/notes.txt").touch()
    texts = root / "Session1/dialog/transcriptions/Ses01F_impro01.txt"
    texts.write_text(texts.read_text() + "Ses01F_impro01_F777 [001.0-002.0]: Not labelled.\n")
    release = read_release(root)
    assert release.labels == turns
    assert release.texts.keys() == {*turns, "Ses01F_impro01_F777"}
    assert release.texts["Ses01F_impro01_M000"] == "Words of the turn 1."
    assert release.wavs.keys() == {f"{DIALOGUE}/{name}.wav" for name in release.texts}
    assert release.left_out == {
        # ._Ses01F_impro01.txt three times, ._<turn>.wav, .DS_Store, ._hidden
        "hidden files and folders": 6,
        "files and folders in EmoEvaluation that are not <dialogue>.txt": 5,
        "files among the wavs that are no wav": 1,
        "files where a dialogue's folder is expected": 1,
        "transcribed turns XX0, XX1, ... that have no wav": 1,
        "lines of transcriptions without a turn": 1,
        "transcribed turns that have no label": 1,
    }


def add_file(stream: tarfile.TarFile, name: str, content: bytes = b"bad") -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    stream.addfile(member, io.BytesIO(content))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return an archive of a small release, with what must not be unpacked."""
    release = write_release(tmp_path / "corpora", small_turns(*["neu"] * 40))
    path = tmp_path / f"{FOLDER}_withoutVideos.tar.gz"
    # The synthetic wavs are hard links of one file; a release holds files.
    with tarfile.open(path, "w:gz", dereference=True) as stream:
        add_file(stream, f"./._{FOLDER}")
        stream.add(release, FOLDER)
        add_file(stream, f"{FOLDER}/Session1/dialog/avi/DivX/Ses01F_impro01.avi")
        add_file(stream, f"{FOLDER}/Session1/sentences/MOCAP_head/Ses01F_impro01/a.txt")
        add_file(stream, f"{FOLDER}/Session1/sentences/wav/../../../../../evil.wav")
        add_file(stream, "../Session1/sentences/wav/evil/evil.wav")
        add_file(stream, f"/{FOLDER}/Session1/sentences/wav/evil/evil.wav")
        link = tarfile.TarInfo(f"{FOLDER}/{DIALOGUE}/evil.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        stream.addfile(link)
    return path


def test_only_needed_files_are_unpacked_and_only_once(archive: Path, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    out, source = tmp_path / "out", tmp_path / "corpora" / FOLDER
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ValueError, match=r"cut short after \d+ of the needed .*fetch it again"):
        unpack(archive, out)
    archive.write_bytes(whole)
    folder = find_release(archive, out)
    assert folder == out / FOLDER
    names = [f"{FIRST}_{who}{i:03d}.wav" for who in "FM" for i in range(20)]
    for kind in ("EmoEvaluation", "transcriptions"):
        names.append(f"Session1/dialog/{kind}/Ses01F_impro01.txt")
    found = {path.relative_to(folder).as_posix() for path in out.rglob("*") if not path.is_dir()}
    assert found == {*names, ".unpacked"} and not list(tmp_path.rglob("evil*"))
    assert all((folder / name).read_bytes() == (source / name).read_bytes() for name in names)
    assert read_release(folder).labels == read_release(source).labels
    times = {name: (folder / name).stat().st_mtime_ns for name in names}
    unpack(archive, out)
    assert "unpacked before, not read again" in caplog.text
    assert {name: (folder / name).stat().st_mtime_ns for name in names} == times


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x1f\x8b" + bytes(20)])
def test_what_is_no_archive(tmp_path: Path, content: bytes):
    path = tmp_path / "iemocap.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="iemocap.tar.gz: damaged or cut short after 0 of"):
        unpack(path, tmp_path / "out")
    with tarfile.open(path, "w:gz") as stream:
        add_file(stream, "README.txt")
    with pytest.raises(ValueError, match="expected members such as IEMOCAP_full_release/Session1"):
        unpack(path, tmp_path / "out")
