"""The csv files of OMG-Emotion: which part of which YouTube video is which utterance.

::

    link,start,end,video,utterance,arousal,valence,EmotionMaxVote
    https://www.youtube.com/watch?v=AbCdEfGhIjK,12.5,19.25,5b44393ed_2,utterance_7.mp4,0.31,-0.12,4

The file of the test set without labels has the first five columns. Copies are about
whose last rows hold means and name no video; such rows are counted and passed over.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

VIDEO_FILES = {
    "train": ("omg_TrainVideos.csv",),
    "valid": ("omg_ValidationVideos.csv",),
    "test": ("omg_TestVideos_WithLabels.csv", "omg_TestVideos_WithoutLabels.csv"),
}
"""By split; of several the first one that is there is read."""
TRANSCRIPT_FILES = ("omg_TrainTranscripts.csv", "omg_ValidationTranscripts.csv")
EMOTIONS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
"""By EmotionMaxVote, 0 to 6."""
_LABELS = {
    "train": (293, 113, 60, 713, 891, 346, 26),
    "valid": (61, 48, 18, 207, 196, 79, 8),
}
EXPECTED = {
    "train utterances": 2442,
    "train videos": 231,
    "train links": 125,
    "valid utterances": 617,
    "valid videos": 60,
    "valid links": 46,
    "test utterances": 2229,
    "test videos": 204,
    "test links": 141,
    "links": 258,
} | {
    f"{split} {emotion}": number
    for split, numbers in _LABELS.items()
    for emotion, number in zip(EMOTIONS, numbers, strict=True)
}
"""Of the published csv files; a link is a YouTube video, of which "videos" are parts."""

_NEEDED = ("link", "start", "end", "video", "utterance")
_LINK = re.compile(r"(?:[?&]v=|youtu\.be/|/embed/)([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])")
_VIDEO = re.compile(r"([0-9a-f]{9})(?:_(\d+))?")
_UTTERANCE = re.compile(r"utterance_(\d+)\.mp4")


@dataclass(frozen=True, order=True)
class Clip:
    """An utterance: a part of a YouTube video.

    Attributes:
        link: id of the YouTube video.
        start_s: where in it the utterance begins.
        stop_s: where it ends.
        video: nine hexadecimal digits, and mostly a number, of a run of utterances.
        number: of the utterance in the run.
        split: ``train``, ``valid`` or ``test``.
        emotion: None where the csv has no labels.
    """

    link: str
    start_s: float
    stop_s: float
    video: str
    number: int
    split: str
    emotion: str | None = None

    @property
    def speaker(self) -> str:
        """Return what stands for the person: the digits, which nearly always mean one link."""
        return self.video.partition("_")[0]

    @property
    def utterance_id(self) -> str:
        """Return ``5b44393ed-2-007``, or ``d1dae148e-001`` where the video has no number."""
        return f"{self.video.replace('_', '-')}-{self.number:03d}"

    @property
    def key(self) -> tuple[str, int]:
        """Return what tells an utterance from all others."""
        return self.video, self.number


def is_video(name: str) -> bool:
    """Return whether a name is that of a video in the csv files."""
    return _VIDEO.fullmatch(name) is not None


def utterance_number(name: str) -> int | None:
    """Return the number in ``utterance_7.mp4``; None for another name."""
    found = _UTTERANCE.fullmatch(name)
    return int(found[1]) if found else None


def read_clips(root: Path, left_out: Counter[str]) -> list[Clip]:
    """Return the utterances of all splits, sorted by link and time; counts what is passed over.

    Raises:
        ValueError: a table is malformed or an utterance stands twice; file and line named.
    """
    clips: dict[tuple[str, int], Clip] = {}
    for split, names in VIDEO_FILES.items():
        path = next((root / name for name in names if (root / name).is_file()), None)
        if path is None:
            continue
        for line, row in _rows(path, _NEEDED):
            if not row["video"]:
                left_out["rows without a video"] += 1
                continue
            clip = _clip(f"{path}:{line}", row, split)
            if clip.key in clips:
                raise ValueError(
                    f"{path}:{line}: {row['video']} {row['utterance']}: stands twice; fetch the "
                    "csv files again"
                )
            clips[clip.key] = clip
    return sorted(clips.values())


def read_transcripts(root: Path) -> dict[tuple[str, int], str]:
    """Return the words by video and number, as far as there are any, each in one line.

    Raises:
        ValueError: a table is malformed.
    """
    words = {}
    for path in (root / name for name in TRANSCRIPT_FILES if (root / name).is_file()):
        for line, row in _rows(path, ("video", "utterance", "transcript")):
            text = " ".join(row["transcript"].split())
            if row["video"] and text:
                words[row["video"], _number(f"{path}:{line}", row)] = text
    return words


def count(clips: Iterable[Clip]) -> Counter[str]:
    """Return the numbers of a corpus by the names of `EXPECTED`."""
    found: Counter[str] = Counter()
    videos, links = set(), set()
    for clip in clips:
        found[f"{clip.split} utterances"] += 1
        if clip.emotion is not None:
            found[f"{clip.split} {clip.emotion}"] += 1
        videos.add((clip.split, clip.video))
        links.add((clip.split, clip.link))
    found.update(f"{split} videos" for split, _ in videos)
    found.update(f"{split} links" for split, _ in links)
    found["links"] = len({link for _, link in links})
    return found


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line and stripped fields of every row; a field that a row lacks is empty."""
    line = 1
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = [name.strip() for name in next(reader, [])]
            for name in needed:
                if name not in header:
                    raise ValueError(
                        f"{path}:1: column {name!r} is missing; fetch the csv files again"
                    )
            for fields in reader:
                # A quoted field may hold line ends: a row is named by its first line.
                first_line, line = line + 1, reader.line_num
                row = dict.fromkeys(header, "")
                row.update((name, value.strip()) for name, value in zip(header, fields))
                yield first_line, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}:{line}: not a csv in UTF-8 ({error}); fetch it again") from error


def _clip(place: str, row: dict[str, str], split: str) -> Clip:
    """Return the utterance of a row; a ValueError names the place of what is wrong."""
    link = _LINK.search(row["link"])
    if link is None:
        raise ValueError(f"{place}: link {row['link']!r:.80} holds no YouTube id of 11 letters")
    if not is_video(row["video"]):
        raise ValueError(f"{place}: video {row['video']!r:.80} is not nine digits and a number")
    try:
        start_s, stop_s = float(row["start"]), float(row["end"])
    except ValueError:
        start_s, stop_s = 0.0, 0.0
    if not 0 <= start_s < stop_s:
        raise ValueError(
            f"{place}: start {row['start']!r:.20}, end {row['end']!r:.20}: not seconds in order"
        )
    label = row.get("EmotionMaxVote", "")
    if label and label not in map(str, range(len(EMOTIONS))):
        raise ValueError(f"{place}: EmotionMaxVote {label!r:.20} is not 0 to {len(EMOTIONS) - 1}")
    emotion = EMOTIONS[int(label)] if label else None
    return Clip(link[1], start_s, stop_s, row["video"], _number(place, row), split, emotion)


def _number(place: str, row: dict[str, str]) -> int:
    number = utterance_number(row["utterance"])
    if number is None:
        raise ValueError(f"{place}: utterance {row['utterance']!r:.80} is not utterance_<N>.mp4")
    return number
