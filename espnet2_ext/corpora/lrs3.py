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

* The lists of validation clips that others use differ: validation is drawn here.

Source: [P2V] IV-A, Table III (5,090 speakers, 151k utterances, 437 h).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import (
    Listing,
    find_release_folder,
    log_left_out,
    read_any_text,
    self_check,
    visible,
)
from espnet2_ext.corpora.pretraining import split_for_pretraining, write_pretraining_sets
from espnet2_ext.data.directory import Utterance
from espnet2_ext.data.formatting import Cut, VideoJob, extract_audio
from espnet2_ext.data.tables import report_rejected

SPLITS = ("pretrain", "trainval", "test")
EXPECTED = {
    **{"pretrain clips": 118516, "pretrain videos": 5090},
    **{"trainval clips": 31982, "trainval videos": 4004},
    **{"test clips": 1321, "test videos": 412},
}
"""Of the whole corpus, test set version 0.4; 151,819 clips."""
CUT_SPLIT = "pretrain"
MAX_CLIP_S = 15.0
PAUSE_S = 0.4
"""Where AV-HuBERT's preparation cuts, and from which length on (Shi et al. 2022)."""

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

    def __str__(self) -> str:
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
    is_malformed: bool = False


class Piece(NamedTuple):
    """A part of a clip; ``stop_s`` None is the clip's end, ``text`` None is unknown."""

    start_s: float
    stop_s: float | None
    text: str | None


@dataclass(frozen=True)
class Release(Listing[Clip]):
    """The clips of a copy: their mp4 are its ``wavs``; and their txt."""

    texts: dict[Clip, str] = field(default_factory=dict)


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

    A run that was killed goes on where it was. Clips without sound are listed in ``rejected.tsv``.

    Args:
        db: the folder with pretrain, trainval and test, or up to two above it.
        data: gets ``lrs3``, which is all that is for pretraining, and ``lrs3_train``,
            ``lrs3_valid`` and ``lrs3_test``, the last with ``pairs/reconstruction``.
        audio_dir: gets ``lrs3`` with the flac files, about 25 GB.
        tests: ``out``: the corpus's test split is ``lrs3_test`` and in nothing else;
            ``in``: it is trained on, and the test set is drawn from all clips.
        max_clip_s: longer clips of pretrain are cut at pauses.
        num_test: utterances drawn for the test with ``tests="in"``.

    Raises:
        ValueError: no copy of LRS3 at ``db``, one that is not whole, or too few clips.
    """
    if tests not in ("out", "in"):
        raise ValueError(f"tests is {tests!r}; give out or in")
    release = read_release(find_release_folder(db, "LRS3-TED", _has_clips, _TREE))
    without_video = sorted(release.texts.keys() - release.wavs.keys())
    faults = {
        "texts without a clip": list(map(str, without_video)),
        "clips without a text": list(map(str, sorted(release.wavs.keys() - release.texts.keys()))),
    }
    found = count(release.wavs)
    self_check(release.root, "LRS3", EXPECTED, found, faults, allow_incomplete=allow_incomplete)
    rejected = {clip.utterance_id: f"no {clip}.mp4" for clip in without_video}
    folder = Path(audio_dir).resolve() / "lrs3"
    parts: dict[Clip, list[tuple[str, str, Piece]]] = {}  # utterance id, flac and piece
    for clip in sorted(release.wavs):
        is_cut = clip.split == CUT_SPLIT
        text = ClipText(None)
        if clip in release.texts:
            text = parse_clip_text(read_any_text(release.root / release.texts[clip]))
        if text.is_malformed:
            what = "tables of words that are malformed, their clips stay whole"
            release.left_out[what] += 1
        elif is_cut and not text.words:
            release.left_out["pretrain clips without times of words, which stay whole"] += 1
        pieces = cut_at_pauses(text, max_clip_s if is_cut else math.inf)
        suffixes = [f"_{number:02d}" for number in range(len(pieces))] if pieces[1:] else [""]
        parts[clip] = [
            (f"{clip.utterance_id}{suffix}", f"{folder}/{clip}{suffix}.flac", piece)
            for suffix, piece in zip(suffixes, pieces, strict=True)
        ]
    log_left_out(release.root, release.left_out)
    jobs = [
        VideoJob(
            str(release.root / release.wavs[clip]),
            tuple(Cut(wav, piece.start_s, piece.stop_s) for _, wav, piece in outputs),
        )
        for clip, outputs in parts.items()
    ]
    description = "taking the sound out of LRS3"
    reasons = extract_audio(jobs, folder, description=description, num_workers=num_workers)
    by_split: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
    words: dict[str, str] = {}
    for clip, outputs in parts.items():
        for key, wav, piece in outputs:
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
    if tests == "in":
        union += by_split["test"]
        sets = split_for_pretraining(union, num_valid=num_valid, num_test=num_test, seed=seed)
    else:
        sets = split_for_pretraining(union, num_valid=num_valid, num_test=0, seed=seed)
        sets["test"] = by_split["test"]
    return write_pretraining_sets(data, "lrs3", sets, words, rejected, union=union)


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
                table = release.wavs if name[2].lower() == "mp4" else release.texts
                table[Clip(split, folder.name, name[1])] = f"{split}/{folder.name}/{entry.name}"
    return release


def _has_clips(path: Path) -> bool:
    return any(
        _VIDEO.fullmatch(folder.name) and folder.is_dir()
        for split in SPLITS
        for folder in visible(path / split)
    )


def parse_clip_text(content: str) -> ClipText:
    """Return text and words of a txt file; the table is malformed where time goes back in it."""
    lines = [line.strip() for line in content.splitlines()]
    found = _TEXT.search("\n".join(lines))
    text = clean(found[1]) if found else None
    headers = [i for i, line in enumerate(lines) if line.split()[:2] == ["WORD", "START"]]
    words: list[Word] = []
    for line in filter(None, lines[headers[0] + 1 :] if headers else []):
        row = _ROW.fullmatch(line)
        word = Word(row[1], float(row[2]), float(row[3])) if row else None
        earliest_s = words[-1].start_s if words else 0.0
        if word is None or word.start_s < earliest_s or word.stop_s < word.start_s:
            return ClipText(text, is_malformed=True)
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
    words = clip.words
    if not words or words[-1].stop_s <= max_clip_s:
        return [Piece(0.0, None, clip.text)]
    pieces = []
    start_s, first = 0.0, 0
    while words[-1].stop_s - start_s > max_clip_s:
        after = _next_piece(words, first, start_s + max_clip_s)
        if after is None:
            break
        cut_s = (words[after - 1].stop_s + words[after].start_s) / 2
        pieces.append(Piece(start_s, cut_s, clean(" ".join(w.text for w in words[first:after]))))
        start_s, first = cut_s, after
    return [*pieces, Piece(start_s, None, clean(" ".join(word.text for word in words[first:])))]


def _next_piece(words: Sequence[Word], first: int, limit_s: float) -> int | None:
    """Return the index of the word before which to cut, None where there is no gap."""
    gaps = {
        index: after.start_s - before.stop_s
        for index, (before, after) in enumerate(pairwise(words[first:]), start=first + 1)
        if after.start_s >= before.stop_s
    }
    near = [index for index in gaps if words[index - 1].stop_s + gaps[index] / 2 <= limit_s]
    if not near:
        return min(gaps, default=None)  # a word longer than the limit: as soon as can be
    pauses = [index for index in near if gaps[index] > PAUSE_S]
    return max(pauses) if pauses else max(near, key=lambda index: gaps[index])
