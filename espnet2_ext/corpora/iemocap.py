"""IEMOCAP: dialogues of ten actors in five sessions, labelled turn by turn (Busso et al. 2008).

Each session has a woman and a man of its own, who improvise and read scripts; at least three
raters labelled each of the 10,039 turns (12.4 h). The four classes have 5,531 utterances,
6.99 h: neutral 1,708, happy 1,636 (with 1,041 excited), angry 1,103, sad 1,084; the most frequent
one alone gives an accuracy of 30.9 %. With ten classes all are kept but xxx, on which the
raters disagree (7,532; 9.54 h), and excited stands apart from happy.

* Who speaks is the last letter of a turn: Ses01F_impro01_M000 is spoken by Ses01M. Five
  dialogues end in a or b (Ses03M_impro05a), so the letter has no fixed place in the name.
* Both archives (17 GB, or without videos) unpack to the same tree, of which this is read::

      Session{1..5}/sentences/wav/<dialogue>/<turn>.wav
      Session{1..5}/dialog/EmoEvaluation/<dialogue>.txt
      Session{1..5}/dialog/transcriptions/<dialogue>.txt

  Hidden files (``._<name>`` of a Mac) and the folders of single raters are passed over.
* In EmoEvaluation the first line of a block has the label that the raters agreed on; in
  transcriptions a line is a turn, and turns XX0, XX1 ... were never labelled and have no wav::

      [12.3400 - 15.6700]<TAB>Ses02F_impro04_M011<TAB>fru<TAB>[2.0000, 3.5000, 3.0000]
      C-E2:<TAB>Frustration;<TAB>()

      Ses02F_impro04_M011 [012.3400-015.6700]: No, not again.

Source: [P2V] IV-A and IV-C1. The counts are those of the label list of
github.com/tae898/multimodal-datasets, which names all 10,039 turns; its four-class part agrees
with S3PRL's lists of 5,531 utterances.
"""

import gzip
import logging
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.acted import write_corpus
from espnet2_ext.corpora.copies import (
    Faults,
    Listing,
    find_release_folder,
    log_left_out,
    read_any_text,
    self_check,
    survey_wavs,
    visible,
)
from espnet2_ext.data.directory import Utterance
from espnet2_ext.data.parallel import atomic_open

logger = logging.getLogger(__name__)

FOUR = dict(neu="neutral", ang="angry", hap="happy", exc="happy", sad="sad")
OTHERS = dict(fru="frustrated", sur="surprised", fea="fearful", dis="disgusted", oth="other")
CLASSES: dict[int, dict[str, str]] = {4: FOUR, 10: FOUR | OTHERS | {"exc": "excited"}}
"""Emotion of each label. With four, happy includes excited ([P2V] IV-C)."""

LABELS = ("ang", "hap", "exc", "neu", "sad", "fru", "sur", "fea", "dis", "oth", "xxx")
"""``xxx`` says that the raters did not agree."""

_TURNS_OF_SPEAKER = {
    #         ang hap  exc  neu  sad  fru sur fea dis oth xxx
    "Ses01F": (147, 69, 63, 171, 78, 107, 15, 5, 0, 0, 218),
    "Ses01M": (82, 66, 80, 213, 116, 173, 10, 7, 1, 1, 197),
    "Ses02F": (67, 70, 96, 135, 113, 165, 8, 5, 0, 1, 199),
    "Ses02M": (70, 47, 114, 227, 84, 160, 9, 4, 0, 0, 237),
    "Ses03F": (92, 80, 48, 130, 172, 199, 15, 2, 0, 0, 310),
    "Ses03M": (148, 55, 103, 190, 133, 183, 13, 0, 1, 0, 262),
    "Ses04F": (205, 31, 154, 76, 62, 188, 11, 2, 0, 0, 258),
    "Ses04M": (122, 34, 84, 182, 81, 293, 8, 5, 0, 1, 306),
    "Ses05F": (78, 77, 82, 221, 132, 161, 7, 8, 0, 0, 267),
    "Ses05M": (92, 66, 217, 163, 113, 220, 11, 2, 0, 0, 253),
}
EXPECTED_TURNS = {
    (speaker, label): number
    for speaker, numbers in _TURNS_OF_SPEAKER.items()
    for label, number in zip(LABELS, numbers, strict=True)
}
"""Turns of the release by speaker and label, 10,039 in all."""
HOURS = {4: 6.99, 10: 9.54}
TURNS = "labelled turns"

FOLDER = "IEMOCAP_full_release"
SESSIONS = tuple(f"Session{number}" for number in range(1, 6))
WAV_FOLDER = "sentences/wav"
LABEL_FOLDER = "dialog/EmoEvaluation"
TEXT_FOLDER = "dialog/transcriptions"

_DIALOGUE = r"Ses0[1-5][FM]_(?:impro\d\d[ab]?|script\d\d_\d[ab]?)"
_TURN = _DIALOGUE + r"_[FM]\d{3}"
# White space and numbers are left free: a copy through an editor may change them.
_LABEL_LINE = re.compile(rf"\[[^]]*\]\s+({_TURN})\s+({'|'.join(LABELS)})\s+\[[^]]*\]")
_RATER_LINE = re.compile(r"[AC]-\w+:")
_TEXT_LINE = re.compile(rf"({_TURN})\s+\[[^]]*\]\s*:?(.*)")
_UNLABELLED_TURN = re.compile(_DIALOGUE + r"_[FM]XX\d\b")
# Only the part in the group becomes a path. Its names are plain words, so that no member can
# lead out of the folder, and no ._<name> of a Mac or sheet of a single rater gets through.
_NEEDED = re.compile(
    r"(?:\./)?(?:[^/.][^/]*/)*?"
    r"(Session[1-5]/"
    r"(?:sentences/wav/\w+/\w+\.wav|dialog/(?:EmoEvaluation|transcriptions)/\w+\.txt))",
    re.ASCII,
)


def speaker_of(turn: str) -> str:
    """Return ``Ses01M`` for Ses01F_impro01_M000: the first letter says who wears the markers."""
    return turn[:5] + turn[-4]


def utterance_id(turn: str) -> str:
    return f"{speaker_of(turn)}-{turn}"


def wav_of(turn: str) -> str:
    """Return the path of a turn's wav below the release."""
    return f"Session{turn[4]}/{WAV_FOLDER}/{turn[:-5]}/{turn}.wav"


def tally(
    turns: Mapping[tuple[str, str], int], kept: Mapping[tuple[str, str], int], classes: int
) -> Counter[str]:
    """Return the numbers of labelled turns and of those kept, in all and by part."""
    counts: Counter[str] = Counter()
    for what, cells in ((f"utterances of {classes} classes", kept), (TURNS, turns)):
        for (speaker, label), number in cells.items():
            name = label if what == TURNS else CLASSES[classes][label]
            counts[what] += number
            for part in (f"{speaker}/{name}", name, speaker, speaker[:5]):
                counts[f"{what}: {part}"] += number
    return counts


def prepare(
    db: str | Path,
    data: str | Path,
    *,
    classes: int = 4,
    allow_incomplete: bool = False,
    unpack_dir: str | Path = "downloads",
) -> dict[str, list[Utterance]]:
    """Write the data directory of IEMOCAP; return its name and utterances, sorted by id.

    ``rejected.tsv`` lists every labelled turn and every wav that is left out.

    Args:
        db: folder IEMOCAP_full_release, up to three above it, or the .tar.gz.
        data: gets the directory ``iemocap``, or ``iemocap_10`` for ten classes.
        classes: 4 for neutral, angry, happy (with excited) and sad; 10 for all labels.
        unpack_dir: where the wanted part of an archive is unpacked, 1.5 GB.

    Raises:
        ValueError: no release at ``db``, or one that is not whole; nothing is written then.
    """
    if classes not in CLASSES:
        raise ValueError(f"classes is {classes}; give 4 (happy with excited) or 10 (all labels)")
    emotions = CLASSES[classes]
    release = read_release(find_release(db, unpack_dir))
    root = release.root
    log_left_out(root, release.left_out)
    labels = dict(sorted(release.labels.items(), key=lambda item: utterance_id(item[0])))
    present = [turn for turn in labels if wav_of(turn) in release.wavs]
    wavs = {turn: wav_of(turn) for turn in present if labels[turn] in emotions}
    survey = survey_wavs(root, wavs, 16000)
    turns = survey.readable
    missing = [wav_of(turn) for turn in labels if wav_of(turn) not in release.wavs]
    extra = sorted(release.wavs.keys() - {*map(wav_of, labels)})
    if extra:  # no fault: all labels being there, it does not belong to the release
        logger.warning("%s: %d wavs without a label, first %s", root, len(extra), extra[0])
    faults: Faults = {
        "expected folders not there": release.absent,
        "wavs missing": missing,
        "wavs unreadable": survey.unreadable,
        f"turns without words in {TEXT_FOLDER}": sorted(labels.keys() - release.texts.keys()),
    }
    expected_kept = {cell: n for cell, n in EXPECTED_TURNS.items() if cell[1] in emotions}
    expected = tally(EXPECTED_TURNS, expected_kept, classes)
    cells = [Counter((speaker_of(turn), labels[turn]) for turn in some) for some in (labels, turns)]
    found = tally(cells[0], cells[1], classes)
    self_check(root, "IEMOCAP release", expected, found, faults, allow_incomplete=allow_incomplete)
    if not turns:
        raise ValueError(f"{root}: no labelled turn has a wav; unpack the release again")
    silent = [turn for turn in turns if turn not in release.texts]
    if silent:
        logger.warning(f"{root}: the table text is left out, {len(silent)} turns have no words")
    utterances = [
        Utterance(
            utterance_id(turn),
            speaker_of(turn),
            str(root / wav_of(turn)),
            text=None if silent else release.texts[turn],
            emotion=emotions[labels[turn]],
            session=turn[:5],
            dialogue=turn[:-5],
            language="eng",
        )
        for turn in turns
    ]
    rejected = dict.fromkeys(extra, "wav without a label")
    for turn, label in labels.items():
        wav, key = wav_of(turn), utterance_id(turn)
        if wav not in release.wavs:
            rejected[key] = f"label {label}; no {wav}"
        elif label not in emotions:
            why = "raters disagree" if label == "xxx" else "not among the classes"
            rejected[key] = f"label {label}: {why}"
        elif wav in survey.unreadable:
            rejected[key] = f"{wav}: {survey.unreadable[wav]}"
    name = "iemocap" if classes == 4 else f"iemocap_{classes}"
    path = Path(data) / name
    write_corpus(path, utterances, {}, rejected)
    logger.info(
        f"{path}: {len(utterances)} utterances, {survey.hours:.2f} h (whole: {HOURS[classes]} h); "
        f"{len(rejected)} left out, see rejected.tsv"
    )
    return {name: utterances}


@dataclass(frozen=True)
class Release(Listing[str]):
    """What a release holds: wavs by their path, labels and words by turn."""

    labels: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def find_release(root: str | Path, unpack_dir: str | Path) -> Path:
    """Return the absolute folder of the sessions, of an archive once it is unpacked."""
    if Path(root).is_file() and Path(root).name.endswith((".tar.gz", ".tgz", ".tar")):
        return unpack(Path(root), unpack_dir).resolve()
    return find_release_folder(
        root,
        "IEMOCAP",
        lambda path: any((path / session).is_dir() for session in SESSIONS),
        f"{FOLDER} with Session1 to Session5, or the archive {FOLDER}*.tar.gz",
    )


def read_release(root: Path) -> Release:
    """Return all labels, words and wavs; folders that are not there are listed."""
    release = Release(root)
    left_out = release.left_out
    for session in SESSIONS:
        for folder in (WAV_FOLDER, LABEL_FOLDER, TEXT_FOLDER):
            if not (root / session / folder).is_dir():
                release.absent.append(f"{session}/{folder}")
        for path in _dialogue_files(root / session / LABEL_FOLDER, left_out):
            read_labels(release, path)
        for path in _dialogue_files(root / session / TEXT_FOLDER, left_out):
            read_transcription(release, path)
        for dialogue in visible(root / session / WAV_FOLDER, left_out):
            if not dialogue.is_dir():
                left_out["files where a dialogue's folder is expected"] += 1
            for entry in visible(Path(dialogue.path), left_out):
                if entry.name.lower().endswith(".wav"):
                    wav = Path(entry.path).relative_to(root).as_posix()
                    release.wavs[wav] = wav
                else:
                    left_out["files among the wavs that are no wav"] += 1
    unlabelled = len(release.texts.keys() - release.labels.keys())
    left_out["transcribed turns that have no label"] += unlabelled
    return release


def _dialogue_files(folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    """Yield the sorted ``<dialogue>.txt`` that lie directly in the folder."""
    for entry in visible(folder, left_out):
        if entry.is_file() and re.fullmatch(rf"{_DIALOGUE}\.txt", entry.name):
            yield Path(entry.path)
        else:
            left_out[f"files and folders in {folder.name} that are not <dialogue>.txt"] += 1


def read_labels(release: Release, path: Path) -> None:
    """Enter the labels of an EmoEvaluation file; what is passed over is counted.

    ValueError with file and line where a turn's line is malformed or contradicts another one.
    """
    for number, line in enumerate(_lines(path), start=1):
        if not line or line.startswith("%") or _RATER_LINE.match(line):
            continue
        if not (line.startswith("[") and "Ses0" in line):
            release.left_out["lines of EmoEvaluation that are neither turns nor ratings"] += 1
            continue
        match = _LABEL_LINE.fullmatch(line)
        if match is None:
            raise ValueError(
                f"{path}:{number}: expected '[start - end]<TAB>turn<TAB>label<TAB>[V, A, D]', with "
                f"one of {' '.join(LABELS)}, got {line!r:.80}; restore the file from the release"
            )
        turn, label = match.groups()
        if turn in release.labels:
            release.left_out["turns labelled twice, the same way"] += 1
        if release.labels.setdefault(turn, label) != label:
            raise ValueError(
                f"{path}:{number}: {turn} is labelled {label!r}, but {release.labels[turn]!r} "
                "before; restore the files from the release"
            )


def read_transcription(release: Release, path: Path) -> None:
    """Enter the words, with single spaces, of a transcription; what is passed over is counted."""
    for line in filter(None, _lines(path)):
        match = _TEXT_LINE.fullmatch(line)
        text = " ".join(match[2].split()) if match else ""
        if match and text and match[1] not in release.texts:
            release.texts[match[1]] = text
        elif match:
            why = "twice, the first is kept" if text else "by no words"
            release.left_out[f"turns transcribed {why}"] += 1
        elif _UNLABELLED_TURN.match(line):
            release.left_out["transcribed turns XX0, XX1, ... that have no wav"] += 1
        else:
            release.left_out["lines of transcriptions without a turn"] += 1


def _lines(path: Path) -> list[str]:
    """Return the lines without white space around them; raters' comments may be Latin-1."""
    return [line.strip() for line in read_any_text(path).split("\n")]


def unpack(archive: Path, unpack_dir: str | Path) -> Path:
    """Write wavs, labels and words of an archive, 1.5 of its 17 GB, and return their folder.

    When all is there a mark is left, and the archive is not read again. ValueError where it is
    damaged or cut short, or holds nothing of IEMOCAP.
    """
    folder = Path(unpack_dir) / FOLDER
    mark, identity = folder / ".unpacked", f"{archive.name} {archive.stat().st_size} "
    if mark.is_file() and mark.read_text(encoding="utf-8").startswith(identity):
        logger.info("%s: unpacked before, not read again", archive)
        return folder
    logger.info("%s: unpacking wavs, labels and transcriptions to %s", archive, folder)
    written = 0
    try:
        with tarfile.open(archive) as stream:
            for member in stream:
                match = _NEEDED.fullmatch(member.name)
                source = stream.extractfile(member) if match and member.isreg() else None
                if match and source:
                    with atomic_open(folder / match[1], "wb") as output:
                        output.write(source.read())
                    written += 1
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{archive}: damaged or cut short after {written} of the needed files ({error}); fetch "
            "it again"
        ) from error
    if not written:
        raise ValueError(
            f"{archive}: expected members such as {FOLDER}/Session1/sentences/wav/..., found none; "
            "give the archive that the IEMOCAP release form leads to"
        )
    with atomic_open(mark) as mark_file:
        mark_file.write(f"{identity}{written}\n")
    logger.info("%s: %d files written", folder, written)
    return folder
