"""LRS3-TED: talks cut into clips of one speaking face with its sound (Afouras et al. 2018).

151,819 clips, 439 h: pretrain 408 h, trainval 30 h, test (version 0.4) 0.9 h.

* A clip is ``{pretrain,trainval,test}/<YouTube id>/<NNNNN>.mp4`` with a ``.txt`` beside it.
  libsndfile does not read mp4: the sound is taken out once, as flac, by PyAV (`extract_audio`).
* The talk stands for its speaker, as the paper counts. A talk may be in several splits, so
  the split is part of the id; ids are never split at ``_`` or ``-``, which YouTube ids may hold.
* Clips of pretrain last 12.4 s on average; above 15 s they are cut at pauses. Some texts
  lack the times of words: such clips stay whole, and p2v.sh's limit of 20 s (not in paper) holds.
* Texts are UTF-8 or Latin-1, hold markers such as ``{LG}``, and times in seconds::

      Text:  SOMETHING {LG} WAS LEFT THERE
      Conf:  3

      WORD START END ASDSCORE
      SOMETHING 0.08 0.51 6.2

* The lists of validation clips that others use differ, one depends on the order in which
  a machine lists folders: validation is drawn here, seeded, from sorted ids.

Source: [P2V] IV-A, Table III (5,090 speakers, 151k utterances, 437 h).
"""

import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import (
    find_release_folder,
    log_left_out,
    read_any_text,
    self_check,
    visible,
)
from espnet2_ext.corpora.pretraining import (
    draw_validation,
    split_for_pretraining,
    with_another_voice,
    write_pretraining_sets,
)
from espnet2_ext.data.directory import Utterance
from espnet2_ext.data.formatting import Cut, VideoJob, extract_audio
from espnet2_ext.data.tables import report_rejected

logger = logging.getLogger(__name__)

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
CUT_SPLIT = "pretrain"
MAX_CLIP_S = 15.0
PAUSE_S = 0.4
"""Where AV-HuBERT's preparation cuts, and from which length on (Shi et al. 2022)."""
TEST_CHOICES = ("out", "in")
ALONE = "the only clip of its talk in the test split, so that none gives it a voice"

_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_FILE = re.compile(r"(\d{5})\.(mp4|txt)", re.IGNORECASE)
_TREE = "LRS3: folders pretrain, trainval and test with <youtube id>/<NNNNN>.mp4 in them"
_TEXT = re.compile(r"^Text:(.*)$", re.MULTILINE)
_MARKER = re.compile(r"\{[^{}]*\}")
_ROW = re.compile(r"(\S+)\s+(\d+(?:\.\d+)?)\s+(\d+(?:\.\d+)?)(?:\s+\S+)?")


class Clip(NamedTuple):
    """A clip: its split, its YouTube video and its number there."""

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
        return "/".join(self)


class Word(NamedTuple):
    """A word, or a marker such as ``{LG}``, and when it is said."""

    text: str
    start_s: float
    stop_s: float


class ClipText(NamedTuple):
    """What is said in a clip, None if unknown, and when; no words where their table is at fault."""

    text: str | None
    words: tuple[Word, ...] = ()
    fault: str | None = None


class Piece(NamedTuple):
    """A part of a clip; ``stop_s`` None is the clip's end, ``text`` None is unknown."""

    start_s: float
    stop_s: float | None
    text: str | None


@dataclass(frozen=True)
class Release:
    """What a copy holds: mp4 and txt of each clip, relative to the folder of the splits."""

    root: Path
    videos: dict[Clip, str] = field(default_factory=dict)
    texts: dict[Clip, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def count(clips: Iterable[Clip]) -> dict[str, int]:
    """Return how many clips and videos each split has, by the names of `EXPECTED`."""
    clips = list(clips)
    numbers = Counter(f"{clip.split} clips" for clip in clips)
    numbers.update(f"{split} videos" for split, _ in {clip[:2] for clip in clips})
    return dict(numbers)


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
    """Write the sound of all clips and the data directories; return the utterances by set.

    A run that was killed goes on where it was. Clips without sound, or whose file is broken, are
    listed in ``rejected.tsv`` of ``lrs3`` and ``lrs3_train``.

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

    Raises:
        ValueError: an unknown choice, no copy of LRS3 at ``db``, one that is not whole, or
            too few clips to draw from.
    """
    if tests not in TEST_CHOICES:
        raise ValueError(f"tests is {tests!r}; give {' or '.join(TEST_CHOICES)}")
    release = read_release(find_release_folder(db, "LRS3-TED", _has_clips, _TREE))
    without_video = sorted(release.texts.keys() - release.videos.keys())
    without_text = sorted(release.videos.keys() - release.texts.keys())
    faults = {
        "texts without a clip": [clip.stem for clip in without_video],
        "clips without a text": [clip.stem for clip in without_text],
    }
    found = count(release.videos)
    self_check(release.root, "LRS3", EXPECTED, found, faults, allow_incomplete=allow_incomplete)
    texts = _read_texts(release)
    pieces = {
        clip: cut_at_pauses(texts[clip], max_clip_s if clip.split == CUT_SPLIT else math.inf)
        for clip in sorted(release.videos)
    }
    folder = Path(audio_dir).resolve() / "lrs3"
    reasons = extract_audio(
        [_job(release, clip, pieces[clip], folder) for clip in pieces],
        folder,
        description="taking the sound out of LRS3",
        num_workers=num_workers,
    )
    rejected = {clip.utterance_id: f"no {clip.stem}.mp4" for clip in without_video}
    by_split: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
    words: dict[str, str] = {}
    for clip in pieces:
        for key, wav, piece in _outputs(clip, pieces[clip], folder):
            if reason := reasons[wav]:
                rejected[key] = reason
                continue
            utterance = Utterance(key, clip.speaker, wav, session=clip.video, language="eng")
            by_split[clip.split].append(utterance)
            if piece.text:
                words[key] = piece.text
    total = len(rejected) + sum(map(len, by_split.values()))
    report_rejected(Path(data) / "lrs3", rejected, total)
    union = by_split["pretrain"] + by_split["trainval"]
    alone: list[Utterance] = []
    if tests == "in":
        union += by_split["test"]
        sets = split_for_pretraining(union, num_valid=num_valid, num_test=num_test, seed=seed)
    else:
        train, valid = draw_validation(union, num_valid, seed)
        test, alone = with_another_voice(by_split["test"])
        sets = {"train": train, "valid": valid, "test": test}
    left_out_of_test = {each.utterance_id: ALONE for each in alone}
    return write_pretraining_sets(
        *(data, "lrs3", sets, words, rejected), union=union, left_out_of_test=left_out_of_test
    )


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
                table = release.videos if name[2].lower() == "mp4" else release.texts
                table[Clip(split, folder.name, name[1])] = f"{split}/{folder.name}/{entry.name}"
    return release


def _has_clips(path: Path) -> bool:
    return any(
        _VIDEO.fullmatch(folder.name) and folder.is_dir()
        for split in SPLITS
        for folder in visible(path / split)
    )


def _read_texts(release: Release) -> dict[Clip, ClipText]:
    """Return the text of every clip, an empty one where there is none; log what is passed over."""
    texts = {clip: ClipText(None) for clip in release.videos}
    left_out = release.left_out.copy()
    for clip in texts:
        if clip in release.texts:
            texts[clip] = parse_clip_text(read_any_text(release.root / release.texts[clip]))
        if texts[clip].fault:
            left_out["tables of words that are malformed, their clips stay whole"] += 1
        elif clip.split == CUT_SPLIT and not texts[clip].words:
            left_out["pretrain clips without times of words, which stay whole"] += 1
    log_left_out(release.root, left_out)
    return texts


def parse_clip_text(content: str) -> ClipText:
    """Return text and words of a txt file's content."""
    lines = [line.strip() for line in content.splitlines()]
    found = _TEXT.search("\n".join(lines))
    text = clean(found[1]) if found else None
    headers = [i for i, line in enumerate(lines) if line.split()[:2] == ["WORD", "START"]]
    words: list[Word] = []
    for line in filter(None, lines[headers[0] + 1 :] if headers else []):
        row = _ROW.fullmatch(line)
        if row is None:
            return ClipText(text, fault=f"{line!r:.60} is not word, start, end and score")
        word = Word(row[1], float(row[2]), float(row[3]))
        if word.stop_s < word.start_s or (words and word.start_s < words[-1].start_s):
            return ClipText(text, fault=f"{line!r:.60} goes back in time")
        words.append(word)
    return ClipText(text, tuple(words))


def clean(text: str) -> str | None:
    """Return the words without markers in braces; only markers stay; None if there is nothing."""
    words = " ".join(_MARKER.sub(" ", text).replace("{", " ").replace("}", " ").split())
    return words or " ".join(text.split()) or None


def cut_at_pauses(clip: ClipText, max_clip_s: float = MAX_CLIP_S) -> list[Piece]:
    """Return the parts of a clip, each at most ``max_clip_s`` where its words allow it.

    A cut goes into the middle of the last pause above ``PAUSE_S`` that keeps the part short
    enough. Deviation: where there is no such pause, at the widest gap between two words.
    """
    if not clip.words or clip.words[-1].stop_s <= max_clip_s:
        return [Piece(0.0, None, clip.text)]
    pieces = []
    start_s, first = 0.0, 0
    while clip.words[-1].stop_s - start_s > max_clip_s:
        after = _next_piece(clip.words, first, start_s + max_clip_s)
        if after is None:
            break
        cut_s = (clip.words[after - 1].stop_s + clip.words[after].start_s) / 2
        pieces.append(Piece(start_s, cut_s, _join(clip.words[first:after])))
        start_s, first = cut_s, after
    return [*pieces, Piece(start_s, None, _join(clip.words[first:]))]


def _next_piece(words: Sequence[Word], first: int, limit_s: float) -> int | None:
    """Return the index of the word before which to cut, None where there is no gap."""
    gaps = {
        first + 1 + offset: after.start_s - before.stop_s
        for offset, (before, after) in enumerate(pairwise(words[first:]))
        if after.start_s >= before.stop_s
    }
    near = [index for index in gaps if words[index - 1].stop_s + gaps[index] / 2 <= limit_s]
    if not near:
        return min(gaps, default=None)  # a word longer than the limit: as soon as can be
    pauses = [index for index in near if gaps[index] > PAUSE_S]
    return max(pauses) if pauses else max(near, key=lambda index: gaps[index])


def _join(words: Sequence[Word]) -> str | None:
    return clean(" ".join(word.text for word in words))


def _outputs(clip: Clip, pieces: Sequence[Piece], folder: Path) -> list[tuple[str, str, Piece]]:
    """Return utterance id, flac and piece, for each piece of a clip."""
    suffixes = [""] if len(pieces) == 1 else [f"_{number:02d}" for number in range(len(pieces))]
    return [
        (f"{clip.utterance_id}{suffix}", f"{folder}/{clip.stem}{suffix}.flac", piece)
        for suffix, piece in zip(suffixes, pieces, strict=True)
    ]


def _job(release: Release, clip: Clip, pieces: Sequence[Piece], folder: Path) -> VideoJob:
    cuts = (Cut(wav, p.start_s, p.stop_s) for _, wav, p in _outputs(clip, pieces, folder))
    return VideoJob(str(release.root / release.videos[clip]), tuple(cuts))
