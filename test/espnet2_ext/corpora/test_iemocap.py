"""IEMOCAP on synthetic releases, one with all 10,039 turns, whole and broken in every way."""

import io
import os
import tarfile
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from reference.changes import added, changed, refused
from reference.iemocap_copy import plan_turns, small_turns, write_release

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora import iemocap
from espnet2_ext.corpora.copies import self_check
from espnet2_ext.corpora.iemocap import (
    CLASSES,
    EXPECTED_TURNS,
    LABELS,
    TURNS,
    find_release,
    prepare,
    read_labels,
    read_release,
    read_transcriptions,
    speaker_of,
    tally,
    unpack,
    utterance_id,
    wav_of,
)
from espnet2_ext.data.directory import Utterance, read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected

FOLDER = "IEMOCAP_full_release"
DIALOGUE = "Session1/sentences/wav/Ses01F_impro01"
FIRST = f"{DIALOGUE}/Ses01F_impro01"
LINE = "[12.3400 - 15.6700]\tSes02F_impro04_M011\tfru\t[2.0000, 3.5000, 3.0000]"


@pytest.fixture
def make_release(tmp_path: Path) -> Callable[..., Path]:
    """Return a factory of small releases: ``make_release("ang", "exc") -> folder``."""
    return lambda *labels, at="corpora": write_release(tmp_path / at, small_turns(*labels))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release with all 10,039 turns; a test that changes it puts it back."""
    return write_release(tmp_path_factory.mktemp("iemocap"), plan_turns())


@pytest.fixture(scope="module")
def prepared(whole: Path, tmp_path_factory) -> tuple[list[Utterance], Path]:
    """Return the utterances and the data directory of the whole release."""
    folder = tmp_path_factory.mktemp("data")
    sets = prepare(whole.parent, folder)
    assert list(sets) == ["iemocap"]
    return sets["iemocap"], folder / "iemocap"


def first_wav(release: Path, label: str) -> str:
    """Return the wav, below the release, of the first turn of Session1 with a label."""
    turns = read_release(release).labels.items()
    return min(wav_of(turn) for turn, own in turns if own == label and turn.startswith("Ses01"))


def test_whole_release(prepared: tuple[list[Utterance], Path]):
    utterances, path = prepared
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
    assert validate_data_directory(path) == 5531
    assert set(read_data_directory(path)) == {
        *("wav.scp", "utt2spk", "text", "utt2emo", "utt2session", "utt2dialogue", "utt2lang")
    }
    rejected = read_rejected(path)
    assert not rejected.keys() & {utterance.utterance_id for utterance in utterances}
    assert Counter(rejected.values()) == {
        "label xxx: raters disagree": 2507,
        "label fru: not among the classes": 1849,
        "label sur: not among the classes": 107,
        "label fea: not among the classes": 40,
        "label oth: not among the classes": 3,
        "label dis: not among the classes": 2,
    }


def test_ten_classes_through_the_command(whole: Path, tmp_path: Path):
    main(["iemocap", "--db", str(whole), "--data", str(tmp_path), "--classes", "10"])
    emotions = read_data_directory(tmp_path / "iemocap_10")["utt2emo"]
    counts = Counter(emotions.values())
    assert len(emotions) == 7532 and len(counts) == 10
    assert (counts["happy"], counts["excited"], counts["other"]) == (595, 1041, 3)
    assert set(read_rejected(tmp_path / "iemocap_10").values()) == {"label xxx: raters disagree"}
    with pytest.raises(SystemExit, match="nowhere: is not there; expected IEM"):
        main(["iemocap", "--db", str(tmp_path / "nowhere"), "--data", str(tmp_path)])


def test_excited_is_happy_and_a_rerun_touches_nothing(make_release, tmp_path: Path):
    release = make_release("exc", "hap", "fru")
    (utterances,) = prepare(release, tmp_path, allow_incomplete=True).values()
    assert [(u.utterance_id, u.emotion) for u in utterances] == [
        ("Ses01F-Ses01F_impro01_F000", "happy"),
        ("Ses01M-Ses01F_impro01_M000", "happy"),
    ]
    tables = [path for path in (tmp_path / "iemocap").iterdir() if path.suffix != ".tsv"]
    times = {path: path.stat().st_mtime_ns for path in tables}
    prepare(release, tmp_path, allow_incomplete=True)
    assert {path: path.stat().st_mtime_ns for path in tables} == times


@pytest.mark.parametrize(
    ("label", "content", "message"),
    [
        ("ang", None, "5530 of 5531 utterances .*: Ses01./angry.*1 wavs missing, first {}; get"),
        ("xxx", None, "1 wavs missing, first {}; get"),
        ("sad", b"<html>404</html>", r"5530 of .*1 wavs unreadable, first {} \(not readable"),
    ],
)
def test_wav_that_is_missing_or_unreadable(
    label: str, content: bytes | None, message: str, whole: Path, tmp_path: Path
):
    wav = first_wav(whole, label)
    with changed(whole / wav, content):
        refused(prepare, whole, tmp_path / "data", message.format(wav))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("Session3/dialog/EmoEvaluation/Ses03M_impro05a.txt", "5501 of 5531 utter.*: Ses03F/"),
        ("Session4", "4500 of 5531 .*; 3 expected folders not there, first Session4/sentences"),
        (
            "Session2/dialog/transcriptions/Ses02F_impro03.txt",
            "turns without words in dialog/transcriptions, first Ses02",
        ),
    ],
)
def test_missing_file_or_folder(path: str, message: str, whole: Path, tmp_path: Path):
    with changed(whole / path):
        refused(prepare, whole, tmp_path / "data", message)


def test_changed_labels(whole: Path, tmp_path: Path):
    path = whole / "Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt"
    content = path.read_bytes()
    with changed(path, content.replace(b"\tneu\t", b"\tsad\t", 1)):
        message = (
            "release: 220 of 221 utterances of 4 classes: Ses05F/neutral, 133 of 132 utterances of "
            "4 classes: Ses05F/sad, 220 of 221 labelled turns: Ses05F/neu and"
        )
        refused(prepare, whole, tmp_path / "data", message)
    line = next(line for line in content.decode().splitlines() if line.startswith("["))
    with changed(path, content + line.replace(line.split("\t")[2], "oth").encode()):
        message = r"Ses05M_script01_1b.txt:\d+: .* is labelled 'oth', but"
        refused(prepare, whole, tmp_path / "data", message)


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


def test_wav_without_label_is_no_fault(whole: Path, tmp_path: Path, caplog):
    with added(whole / f"{FIRST}_F999.wav"):
        (utterances,) = prepare(whole, tmp_path).values()
    assert len(utterances) == 5531
    assert f"1 wavs without a label, first {FIRST}_F999.wav" in caplog.text
    assert read_rejected(tmp_path / "iemocap")[f"{FIRST}_F999.wav"] == "wav without a label"


def test_text_is_left_out_where_a_turn_has_no_words(make_release, tmp_path: Path, caplog):
    release = make_release("ang", "neu")
    path = release / "Session1/dialog/transcriptions/Ses01F_impro01.txt"
    path.write_text(path.read_text().replace("Ses01F_impro01_M000", "Ses01F_impro01_MXX1"))
    (utterances,) = prepare(release, tmp_path, allow_incomplete=True).values()
    assert "text is left out, 1 turns have no words, first Ses01F_impro01_M" in caplog.text
    assert [utterance.text for utterance in utterances] == [None, None]
    assert not (tmp_path / "iemocap/text").exists()


def test_other_errors(make_release, tmp_path: Path):
    message = "no labelled turn has a wav; unpack the release again"
    refused(prepare, make_release("xxx"), tmp_path / "data", message, allow_incomplete=True)
    message = r"classes is 5; give 4 .* or 10 \(all labels\)"
    refused(prepare, tmp_path, tmp_path / "data", message, classes=5)


PUBLISHED_LABELS = dict(
    zip(LABELS, (1103, 595, 1041, 1708, 1084, 1849, 107, 40, 2, 3, 2507), strict=True)
)
PUBLISHED = {  # sum, angry, happy, neutral, sad
    "Ses01": (1085, 229, 278, 384, 194),
    "Ses02": (1023, 137, 327, 362, 197),
    "Ses03": (1151, 240, 286, 320, 305),
    "Ses04": (1031, 327, 303, 258, 143),
    "Ses05": (1241, 170, 442, 384, 245),
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


def expected_counts(classes: int) -> Counter[str]:
    kept = {cell: n for cell, n in EXPECTED_TURNS.items() if cell[1] in CLASSES[classes]}
    return tally(EXPECTED_TURNS, kept, classes)


def test_table_adds_up_to_the_published_counts():
    counts = expected_counts(4)
    assert counts[TURNS] == 10039
    assert {label: counts[f"{TURNS}: {label}"] for label in LABELS} == PUBLISHED_LABELS
    # Splits of two public recipes: sessions 1 to 3 and dialogues of 4 together, and session 5.
    assert counts[TURNS] - counts[f"{TURNS}: Ses05"] == 6871 + 998 == 6468 + 1401
    assert counts[f"{TURNS}: Ses05"] == 2170
    four = "utterances of 4 classes"
    assert counts[four] == 5531
    assert [counts[f"{four}: {emotion}"] for emotion in EMOTIONS] == [1103, 1636, 1708, 1084]
    for name, (total, *rest) in PUBLISHED.items():
        assert counts[f"{four}: {name}"] == total == sum(rest)
        speakers = [name] if len(name) == 6 else [f"{name}F", f"{name}M"]
        found = [sum(counts[f"{four}: {s}/{emotion}"] for s in speakers) for emotion in EMOTIONS]
        assert found == rest
    counts, ten = expected_counts(10), "utterances of 10 classes"
    assert counts[ten] == 10039 - 2507
    assert [counts[f"{ten}: {name}"] for name in ("happy", "excited", "frustrated")] == [
        *(595, 1041, 1849)
    ]


def test_right_totals_do_not_hide_that_two_speakers_were_exchanged():
    kept = {cell: n for cell, n in EXPECTED_TURNS.items() if cell[1] in CLASSES[4]}
    other = {"F": "M", "M": "F"}
    swapped = {(who[:5] + other[who[5]], label): n for (who, label), n in EXPECTED_TURNS.items()}
    for turns, message in (
        (EXPECTED_TURNS, None),
        (swapped, r": 82 of 147 labelled turns: Ses01F/ang, .* and \d+ m"),
    ):
        context = pytest.raises(ValueError, match=message) if message else nullcontext()
        with context:
            self_check("release", "IEMOCAP", expected_counts(4), tally(turns, kept, 4))


def test_everything_is_in_the_id_of_a_turn():
    turn = "Ses05M_script01_1b_F003"
    assert (speaker_of(turn), utterance_id(turn)) == ("Ses05F", f"Ses05F-{turn}")
    assert wav_of(turn) == f"Session5/sentences/wav/Ses05M_script01_1b/{turn}.wav"


def write(path: Path, *lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_labels_of_a_file(tmp_path: Path, end: str, encoding: str):
    header = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
    ratings = ["C-E2:\tFrustration; Anger;\t(annoyé)", "A-F1:\tval 2; act 4; dom  3;\t()"]
    spaced = "[1.0 - 2.0]  Ses02F_impro04_F000  neu  [2.5, 2.5, 2.5]"
    lines = [header, "", LINE, *ratings, "", spaced, "stray", "[a remark]", LINE]
    path = write(tmp_path / "a.txt", *lines, encoding=encoding, end=end)
    left_out: Counter[str] = Counter()
    assert read_labels([path], left_out) == {
        "Ses02F_impro04_M011": "fru",
        "Ses02F_impro04_F000": "neu",
    }
    assert left_out == {
        "lines of EmoEvaluation that are neither turns nor ratings": 2,
        "turns labelled twice, the same way": 1,
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (LINE.replace("\tfru", ""), r"a\.txt:2: expected '\[start - end\]<TAB>turn"),
        (LINE[:-3], r"a\.txt:2: expected '\[start"),
        (LINE.replace("_M011", "_MXX1"), r"a\.txt:2: 'Ses02F_impro04_MXX1' is no turn"),
        (LINE.replace("Ses02F", "Ses06F"), r"a\.txt:2: 'Ses06F_impro04_M011' is no turn"),
        (LINE.replace("fru", "frustrated"), r"a\.txt:2: .*_M011 has the label 'frustrated'"),
        (LINE.replace("fru", "XXX"), "has the label 'XXX', expected one of ang hap .* xxx"),
    ],
)
def test_broken_label_line(tmp_path: Path, line: str, message: str):
    path = write(tmp_path / "a.txt", "% header", line)
    with pytest.raises(ValueError, match=message + ".*restore the file from the release"):
        read_labels([path], Counter())


def test_two_labels_of_one_turn(tmp_path: Path):
    first = write(tmp_path / "a.txt", LINE)
    second = write(tmp_path / "b.txt", "", LINE.replace("fru", "ang"))
    with pytest.raises(ValueError, match=r"b\.txt:2: .* 'ang', but 'fru' in .*a\.txt:1; restore"):
        read_labels([first, second], Counter())


def test_transcriptions(tmp_path: Path):
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
    left_out: Counter[str] = Counter()
    assert read_transcriptions([path], left_out) == {
        "Ses02F_impro04_M011": "I said: too [LAUGHTER] late.",
        "Ses05M_script01_1b_F003": "Yes.",
    }
    assert left_out == {
        "transcribed turns XX0, XX1, ... that have no wav": 1,
        "lines of transcriptions without a turn": 2,
        "turns transcribed twice, the first is kept": 1,
        "turns transcribed by no words": 1,
    }


def test_release_is_found(make_release: Callable[..., Path], tmp_path: Path):
    release = make_release("ang")
    (release.parent / "._IEMOCAP_full_release").mkdir()
    (release.parent / "IEMOCAP_full_release.tar.gz").touch()
    for root in (release, release.parent, os.path.relpath(release)):
        assert find_release(root, "unused") == release.resolve()
    with pytest.raises(ValueError, match="Session1: no IEMOCAP here"):
        find_release(release / "Session1", "unused")
    (tmp_path / "other/Session5").mkdir(parents=True)
    found = read_release(find_release(tmp_path / "other", "unused"))
    assert not found.labels and len(found.absent_folders) == 15
    assert found.absent_folders[0] == "Session1/sentences/wav"


def test_only_what_belongs_to_the_corpus_is_read(make_release: Callable[..., Path]):
    root = make_release("ang", "neu", "xxx")
    labels = root / "Session1/dialog/EmoEvaluation"
    (labels / "Ses01F_impro01 (copy).txt").write_text("[1 - 2]\tSes01F_impro01_F009\tneu\t[1]\n")
    for path in (labels / "readme.md", root / f"{FIRST}_F000.lab", root / f"{FIRST}_F777.wav"):
        path.touch()
    (root / "Session1/sentences/wav/notes.txt").touch()
    texts = root / "Session1/dialog/transcriptions/Ses01F_impro01.txt"
    texts.write_text(texts.read_text() + "Ses01F_impro01_F777 [001.0-002.0]: Not labelled.\n")
    release = read_release(root)
    turns = small_turns("ang", "neu", "xxx")
    assert release.labels == turns
    assert release.texts.keys() == {*turns, "Ses01F_impro01_F777"}
    assert release.texts["Ses01F_impro01_M000"] == "Words of the turn 1."
    assert release.wavs == {f"{DIALOGUE}/{name}.wav" for name in release.texts}
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


def add_file(stream: tarfile.TarFile, name: str, content: bytes = b"bad") -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    stream.addfile(member, io.BytesIO(content))


@pytest.fixture
def archive(make_release: Callable[..., Path], tmp_path: Path) -> Path:
    """Return an archive of a small release, with what must not be unpacked."""
    release = make_release(*["neu"] * 40)
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


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def test_only_needed_files_are_unpacked(archive: Path, tmp_path: Path, caplog):
    folder = unpack(archive, tmp_path / "out")
    turns = [f"{FIRST}_{who}{i:03d}.wav" for who in "FM" for i in range(20)]
    texts = [
        f"Session1/dialog/{name}/Ses01F_impro01.txt" for name in ("EmoEvaluation", "transcriptions")
    ]
    assert folder == tmp_path / "out" / FOLDER
    assert files(tmp_path / "out") == {f"{FOLDER}/{name}" for name in (*turns, *texts, ".unpacked")}
    source = tmp_path / "corpora" / FOLDER
    for name in (*turns, *texts):
        assert (folder / name).read_bytes() == (source / name).read_bytes()
    assert not list(tmp_path.rglob("evil*"))
    assert f"1 links in place of files passed over, first {FOLDER}/{DIALOGUE}/evil" in caplog.text
    found = read_release(find_release(archive, tmp_path / "out"))
    assert found.labels == read_release(source).labels


def test_rerun_reads_nothing_and_restores_what_is_gone(archive: Path, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    folder = unpack(archive, tmp_path)
    wavs = sorted(folder.rglob("*.wav"))
    times = {wav: wav.stat().st_mtime_ns for wav in wavs}
    unpack(archive, tmp_path)
    assert "unpacked before, not read again" in caplog.text
    wavs[0].unlink()
    unpack(archive, tmp_path)
    assert "1 files written, 41 were there" in caplog.text
    assert wavs[0].is_file() and all(w.stat().st_mtime_ns == times[w] for w in wavs[1:])


def test_killed_run_is_taken_up(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy, calls = iemocap.shutil.copyfileobj, []

    def copy_until_killed(source, output):
        calls.append(output.name)
        if len(calls) == 10:
            output.write(source.read(10))
            raise KeyboardInterrupt
        copy(source, output)

    monkeypatch.setattr(iemocap.shutil, "copyfileobj", copy_until_killed)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "out")
    assert len(files(tmp_path / "out")) == 9
    unpack(archive, tmp_path / "out")
    assert len(calls) == 10 + 42 - 9
    assert len(files(tmp_path / "out")) == 43


def test_cut_archive_is_an_error_and_goes_on_when_whole(archive: Path, tmp_path: Path):
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ValueError, match=r"cut short after \d+ of the needed .*fetch it again"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out" / FOLDER / ".unpacked").exists()
    archive.write_bytes(whole)
    assert len(files(unpack(archive, tmp_path / "out"))) == 43


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
