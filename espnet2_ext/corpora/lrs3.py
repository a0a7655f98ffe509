"""LRS3-TED: talks cut into clips of one speaking face with its sound (Afouras et al. 2018).

============  ========  ========  =======  ==========================================
split         clips     talks     hours    used for
============  ========  ========  =======  ==========================================
pretrain      118,516   5,090     408      training; clips above 15 s are cut at pauses
trainval      31,982    4,004     30       training
test (v0.4)   1,321     412       0.9      test, or training with ``tests="in"``
sum           151,819             439
============  ========  ========  =======  ==========================================

To get it: the authors no longer give it out (2026), the page and the links of
https://www.robots.ox.ac.uk/~vgg/data/lip_reading/lrs3.html are dead, so a copy that was
fetched earlier is needed. Others who distribute labels for it (MuAViC) need it too.
Licence: that of the TED talks (CC BY-NC-ND 4.0; not confirmed); nothing of the corpus is
passed on with this code.

Traps, and what is done here:

* The sound lies in mp4 files, which libsndfile does not read: it is taken out once, as
  flac, by PyAV (`extract_audio`).
* Nobody says who speaks: the talk stands for its speaker, as the paper counts.
* A talk may be in several splits, so the split is part of the id; ids are never split at
  ``_`` or ``-``, which YouTube ids may hold.
* Clips of pretrain last 12.4 s on average; above 15 s they are cut at pauses. Some texts
  lack the times of words: such clips stay whole, and p2v.sh's limit of 20 s (not in paper) holds.
* Texts are not always UTF-8, and hold markers such as ``{LG}``.
* The lists of validation clips that others use differ, one depends on the order in which
  a machine lists folders: validation is drawn here, seeded, from sorted ids.

Source: [P2V] IV-A, Table III (5,090 speakers, 151k utterances, 437 h).
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from espnet2_ext.corpora.copies import find_release_folder, read_any_text, self_check, visible
from espnet2_ext.corpora.pretraining import (
    draw_validation,
    split_for_pretraining,
    with_another_voice,
    write_with_union,
)
from espnet2_ext.data.directory import Utterance
from espnet2_ext.data.formatting import Cut, VideoJob, extract_audio
from espnet2_ext.data.tables import report_rejected

# A copy of LRS3 on disk: find its folder and list its clips.
#
# ::
#
#     <root>/{pretrain,trainval,test}/<youtube id>/<NNNNN>.mp4
#     <root>/{pretrain,trainval,test}/<youtube id>/<NNNNN>.txt
#
# Names that begin with a dot and ``__MACOSX`` are left out. A YouTube id may itself begin
# with ``-`` or hold ``_``, so ids are never split at these.

SPLITS = ("pretrain", "trainval", "test")
EXPECTED = {
    "pretrain clips": 118516,
    "pretrain videos": 5090,
    "trainval clips": 31982,
    "trainval videos": 4004,
    "test clips": 1321,
    "test videos": 412,
}
"""Of the whole corpus, test set version 0.4; 151,819 clips."""
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_FILE = re.compile(r"(\d{5})\.(mp4|txt)", re.IGNORECASE)
_TREE = "LRS3: folders pretrain, trainval and test with <youtube id>/<NNNNN>.mp4 in them"


@dataclass(frozen=True, order=True)
class Clip:
    """A clip, which split and video it is of, and its number there."""

    split: str
    video: str
    number: str

    @property
    def speaker(self) -> str:
        """Return the talk, which stands for its speaker."""
        return f"lrs3_{self.video}"

    @property
    def utterance_id(self) -> str:
        """Return an id that also tells clips of a video in two splits apart."""
        return f"{self.speaker}-{self.split}_{self.number}"

    @property
    def stem(self) -> str:
        """Return the path below the root without its suffix."""
        return f"{self.split}/{self.video}/{self.number}"


@dataclass(frozen=True)
class Release:
    """What a copy holds; paths are relative to ``root``.

    Attributes:
        root: the folder of the splits.
        videos: path of each clip's mp4.
        texts: path of each clip's txt.
        left_out: counts of everything else that was passed over.
    """

    root: Path
    videos: dict[Clip, str] = field(default_factory=dict)
    texts: dict[Clip, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder that holds the splits, or some of them; up to two below.

    Raises:
        ValueError: there is nothing at ``root``, or no copy of LRS3 or two in it.
    """
    return find_release_folder(root, "LRS3-TED", _has_clips, _TREE)


def read_release(root: Path) -> Release:
    """Return the clips of all splits; what is no clip is counted."""
    release = Release(root)
    for split in SPLITS:
        for folder in visible(root / split, release.left_out):
            if not folder.is_dir() or not _VIDEO.fullmatch(folder.name):
                release.left_out["files and folders beside those of the videos"] += 1
                continue
            for entry in visible(Path(folder.path), release.left_out):
                name = _FILE.fullmatch(entry.name)
                if name is None or not entry.is_file():
                    release.left_out["files among the clips that are none"] += 1
                    continue
                clip = Clip(split, folder.name, name[1])
                table = release.videos if name[2].lower() == "mp4" else release.texts
                table[clip] = f"{split}/{folder.name}/{entry.name}"
    return release


def count(clips: Iterable[Clip]) -> dict[str, int]:
    """Return how many clips and videos each split has, by the names of `EXPECTED`."""
    numbers: Counter[str] = Counter()
    videos = set()
    for clip in clips:
        numbers[f"{clip.split} clips"] += 1
        videos.add((clip.split, clip.video))
    numbers.update(f"{split} videos" for split, _ in videos)
    return dict(numbers)


def _has_clips(path: Path) -> bool:
    return any(
        _VIDEO.fullmatch(folder.name) and folder.is_dir()
        for split in SPLITS
        for folder in visible(path / split, Counter())
    )


# The text file beside a clip of LRS3, and where to cut a long clip by it.
#
# ::
#
#     Text:  SOMETHING {LG} WAS LEFT THERE
#     Conf:  3
#
#     FRAME X Y W H
#
#     WORD START END ASDSCORE
#     SOMETHING 0.08 0.51 6.2
#
# Times are seconds from the clip's beginning. Some files lack the last section.

MAX_CLIP_S = 15.0
PAUSE_S = 0.4
"""Where AV-HuBERT's preparation cuts, and from which length on (Shi et al. 2022)."""

_TEXT = re.compile(r"^Text:(.*)$", re.MULTILINE)
_MARKER = re.compile(r"\{[^{}]*\}")
_ROW = re.compile(r"(\S+)\s+(\d+(?:\.\d+)?)\s+(\d+(?:\.\d+)?)(?:\s+\S+)?")


@dataclass(frozen=True)
class Word:
    """A word, or a marker such as ``{LG}``, and when it is said."""

    text: str
    start_s: float
    stop_s: float


@dataclass(frozen=True)
class ClipText:
    """What is said in a clip, None if the file does not say; and when, as far as known.

    Attributes:
        text: without markers, unless there is nothing else.
        words: in their order; empty where the file has no table of them, or a wrong one.
        fault: what is wrong with the table of words; None where nothing is.
    """

    text: str | None
    words: tuple[Word, ...] = ()
    fault: str | None = None


@dataclass(frozen=True)
class Piece:
    """A part of a clip; ``stop_s`` None is the clip's end, ``text`` None is unknown."""

    start_s: float
    stop_s: float | None
    text: str | None


def read_clip_text(path: Path) -> ClipText:
    """Return what the file says; UTF-8, or else ISO-8859-1, which always decodes."""
    return parse_clip_text(read_any_text(path))


def parse_clip_text(content: str) -> ClipText:
    """Return text and words of a file's content."""
    lines = [line.strip() for line in content.splitlines()]
    found = _TEXT.search("\n".join(lines))
    text = clean(found[1]) if found else None
    header = next(
        (i for i, line in enumerate(lines) if line.split()[:2] == ["WORD", "START"]), None
    )
    if header is None:
        return ClipText(text)
    words: list[Word] = []
    for line in filter(None, lines[header + 1 :]):
        row = _ROW.fullmatch(line)
        if row is None:
            return ClipText(text, fault=f"{line!r:.60} is not word, start, end and score")
        words.append(Word(row[1], float(row[2]), float(row[3])))
        if (
            words[-1].stop_s < words[-1].start_s
            or words[-1].start_s < words[max(len(words) - 2, 0)].start_s
        ):
            return ClipText(text, fault=f"{line!r:.60} goes back in time")
    return ClipText(text, tuple(words))


def clean(text: str) -> str | None:
    """Return the words without markers in braces; only markers stay; None if there is nothing."""
    words = " ".join(_MARKER.sub(" ", text).replace("{", " ").replace("}", " ").split())
    return words or " ".join(text.split()) or None


def cut_at_pauses(
    clip: ClipText, *, max_clip_s: float = MAX_CLIP_S, pause_s: float = PAUSE_S
) -> list[Piece]:
    """Return the parts of a clip, each at most ``max_clip_s`` where its words allow it.

    A cut goes into the middle of the last pause above ``pause_s`` that keeps the part
    short enough. The last part reaches to the end of the clip, which may be some
    silence after the last word. A clip without times stays whole.

    Deviation: where there is no such pause, at the widest gap between two words.
    """
    if not clip.words or clip.words[-1].stop_s <= max_clip_s:
        return [Piece(0.0, None, clip.text)]
    pieces = []
    start_s, first = 0.0, 0
    while clip.words[-1].stop_s - start_s > max_clip_s:
        after = _next_piece(clip.words, first, start_s + max_clip_s, pause_s)
        if after is None:
            break
        cut_s = (clip.words[after - 1].stop_s + clip.words[after].start_s) / 2
        pieces.append(Piece(start_s, cut_s, _join(clip.words[first:after])))
        start_s, first = cut_s, after
    return [*pieces, Piece(start_s, None, _join(clip.words[first:]))]


def _next_piece(words: Sequence[Word], first: int, limit_s: float, pause_s: float) -> int | None:
    """Return the index of the word before which to cut, None where there is no gap."""
    gaps = {
        first + 1 + offset: after.start_s - before.stop_s
        for offset, (before, after) in enumerate(pairwise(words[first:]))
        if after.start_s >= before.stop_s
    }
    near = [index for index in gaps if words[index - 1].stop_s + gaps[index] / 2 <= limit_s]
    if not near:
        return min(gaps, default=None)  # a word longer than the limit: as soon as can be
    pauses = [index for index in near if gaps[index] > pause_s]
    return max(pauses) if pauses else max(near, key=lambda index: gaps[index])


def _join(words: Sequence[Word]) -> str | None:
    return clean(" ".join(word.text for word in words))


logger = logging.getLogger(__name__)

LANGUAGE = "eng"
CUT_SPLIT = "pretrain"
TEST_CHOICES = ("out", "in")
ALONE = "the only clip of its talk in the test split, so that none gives it a voice"


def prepare(
    db: str | Path,
    data: str | Path,
    *,
    audio_dir: str | Path = "downloads",
    tests: str = "out",
    max_clip_s: float = MAX_CLIP_S,
    num_valid: int = 500,
    num_test: int = 500,
    seed: int = 0,
    num_workers: int = 1,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write the sound of all clips and the data directories; return the utterances.

    A run that was killed goes on where it was. Clips without sound, or whose file is
    broken, are listed in ``rejected.tsv`` of ``lrs3`` and ``lrs3_train``.

    Args:
        db: the folder with pretrain, trainval and test, or up to two above it.
        data: gets ``lrs3``, which is all that is for pretraining, and ``lrs3_train``,
            ``lrs3_valid`` and ``lrs3_test``, the last with ``pairs/reconstruction``.
        audio_dir: gets ``lrs3`` with the flac files, about 25 GB.
        tests: ``out``: the corpus's test split is ``lrs3_test`` and in nothing else;
            ``in``: it is trained on, and the test set is drawn from all clips.
        max_clip_s: longer clips of pretrain are cut at pauses.
        num_valid: utterances drawn for validation.
        num_test: utterances drawn for the test with ``tests="in"``.
        seed: of the draws.
        num_workers: processes that decode.
        allow_incomplete: warn of what is missing and go on.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: an unknown choice, no copy of LRS3 at ``db``, not a whole one, or too
            few clips to draw from; one line with the place and the remedy.
    """
    if tests not in TEST_CHOICES:
        raise ValueError(f"tests is {tests!r}; give {' or '.join(TEST_CHOICES)}")
    release = read_release(find_release(db))
    _check(release, allow_incomplete)
    pieces = _plan_pieces(release, max_clip_s)
    folder = Path(audio_dir).resolve() / "lrs3"
    reasons = extract_audio(
        [_job(release, clip, pieces[clip], folder) for clip in pieces],
        folder,
        description="taking the sound out of LRS3",
        num_workers=num_workers,
    )
    rejected = {clip.utterance_id: f"no {clip.stem}.mp4" for clip in _without_video(release)}
    by_split = {split: _utterances(split, pieces, folder, reasons, rejected) for split in SPLITS}
    total = len(rejected) + sum(map(len, by_split.values()))
    report_rejected(Path(data) / "lrs3", rejected, total)
    words = {
        each.utterance_id: each.text for split in by_split.values() for each in split if each.text
    }
    silent = {split: [replace(each, text=None) for each in by_split[split]] for split in SPLITS}
    union = silent["pretrain"] + silent["trainval"] + (silent["test"] if tests == "in" else [])
    sets, alone = {}, list[Utterance]()
    if tests == "in":
        sets = split_for_pretraining(union, num_valid=num_valid, num_test=num_test, seed=seed)
    else:
        sets["train"], sets["valid"] = draw_validation(union, num_valid, seed)
        sets["test"], alone = with_another_voice(silent["test"])
    left_out_of_test = {each.utterance_id: ALONE for each in alone}
    return write_with_union(data, "lrs3", sets, union, words, rejected, left_out_of_test)


def _without_video(release: Release) -> list[Clip]:
    return sorted(release.texts.keys() - release.videos.keys())


def _check(release: Release, allow_incomplete: bool) -> None:
    """Raise a ValueError, or warn, where the copy is not whole."""
    faults = {
        "texts without a clip": [clip.stem for clip in _without_video(release)],
        "clips without a text": sorted(
            clip.stem for clip in release.videos.keys() - release.texts.keys()
        ),
    }
    found = count(release.videos)
    self_check(release.root, "LRS3", EXPECTED, found, faults, allow_incomplete=allow_incomplete)


def _plan_pieces(release: Release, max_clip_s: float) -> dict[Clip, list[Piece]]:
    """Return the pieces of every clip, one for most, sorted by clip."""
    texts = _read_texts(release)
    return {
        clip: cut_at_pauses(texts[clip], max_clip_s=max_clip_s)
        if clip.split == CUT_SPLIT
        else [Piece(0.0, None, texts[clip].text)]
        for clip in sorted(release.videos)
    }


def _read_texts(release: Release) -> dict[Clip, ClipText]:
    """Return the text of every clip, an empty one where there is none; log what was passed over."""
    texts = {
        clip: read_clip_text(release.root / release.texts[clip])
        if clip in release.texts
        else ClipText(None)
        for clip in release.videos
    }
    left_out = release.left_out.copy()
    for clip, text in texts.items():
        left_out["tables of words that are malformed, their clips stay whole"] += bool(text.fault)
        untimed = clip.split == CUT_SPLIT and not text.words and not text.fault
        left_out["pretrain clips without times of words, which stay whole"] += untimed
    for reason, number in sorted((+left_out).items()):
        logger.info("%s: passed over: %d %s", release.root, number, reason)
    return texts


def _outputs(clip: Clip, pieces: Sequence[Piece], folder: Path) -> dict[str, str]:
    """Return ``{utterance id: flac}``, one for each piece."""
    if len(pieces) == 1:
        return {clip.utterance_id: f"{folder}/{clip.stem}.flac"}
    return {
        f"{clip.utterance_id}_{number:02d}": f"{folder}/{clip.stem}_{number:02d}.flac"
        for number in range(len(pieces))
    }


def _job(release: Release, clip: Clip, pieces: Sequence[Piece], folder: Path) -> VideoJob:
    outputs = _outputs(clip, pieces, folder).values()
    cuts = (Cut(out, piece.start_s, piece.stop_s) for out, piece in zip(outputs, pieces))
    return VideoJob(str(release.root / release.videos[clip]), tuple(cuts))


def _utterances(
    split: str,
    pieces: Mapping[Clip, Sequence[Piece]],
    folder: Path,
    reasons: Mapping[str, str | None],
    rejected: dict[str, str],
) -> list[Utterance]:
    """Return the utterances of a split that have sound; the others become rejected."""
    utterances = []
    for clip in (clip for clip in pieces if clip.split == split):
        outputs = _outputs(clip, pieces[clip], folder)
        for (utterance_id, wav), piece in zip(outputs.items(), pieces[clip], strict=True):
            reason = reasons[wav]
            if reason is not None:
                rejected[utterance_id] = reason
                continue
            utterances.append(
                Utterance(
                    utterance_id,
                    clip.speaker,
                    wav,
                    text=piece.text,
                    session=clip.video,
                    language=LANGUAGE,
                )
            )
    return utterances
