"""OMG-Emotion: parts of YouTube monologues, labelled by viewers (Barros et al. 2018).

5,288 utterances of 0.5 to 95 s, 10.24 h (train 4.72 h, valid 1.22 h, test 4.30 h), of 495 videos
and at most some 258 persons. [P2V] Table III counts about 7,400 utterances, 15 h: these were
never all published. Its "~500 speakers" are the 495 videos.

The csv files hold no sound: each link is fetched from YouTube, and many are dead. What is left
on the day is counted in ``omg_attrition.tsv``; the recipe's README has the commands.

* The csv files have rows of means without a video, which are counted and passed over; a blank
  after a file name; line ends in transcripts; and five columns in the test set's file::

      link,start,end,video,utterance,arousal,valence,EmotionMaxVote
      https://www.youtube.com/watch?v=AbCdEfGhIjK,12.5,19.25,5b44393ed_2,utterance_7.mp4,0.3,-0.1,4

* What a user has of the videos depends on the route and the day; at any depth up to three::

      <video>/utterance_7.mp4      cut by the corpus's own script
      <video>.mp4                  whole, by that script (youtube_videos_temp)
      <YouTube id>.<m4a or other>  whole, by another downloader

* Neighbours overlap by 0.4 s or so, 408 s in train: each second goes to the utterance
  that begins first, also across the splits. These share persons, as in [P2V].
* Who speaks is not said: the nine digits of a video id nearly always mean one link.

Source: [P2V] IV-A, Table III.
"""

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from espnet2_ext.corpora.copies import find_release_folder, log_left_out, self_check, visible
from espnet2_ext.corpora.pretraining import write_pretraining_sets
from espnet2_ext.data.directory import Utterance
from espnet2_ext.data.formatting import Cut, VideoJob, extract_audio
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import report_rejected

logger = logging.getLogger(__name__)

VIDEO_FILES = {
    "train": ("omg_TrainVideos.csv",),
    "valid": ("omg_ValidationVideos.csv",),
    "test": ("omg_TestVideos_WithLabels.csv", "omg_TestVideos_WithoutLabels.csv"),
}
"""By split; of several the first one that is there is read."""
TRANSCRIPT_FILES = ("omg_TrainTranscripts.csv", "omg_ValidationTranscripts.csv")
EMOTIONS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
"""By EmotionMaxVote, 0 to 6."""
_COUNTS = {"train": (2442, 231, 125), "valid": (617, 60, 46), "test": (2229, 204, 141)}
_LABELS = {"train": (293, 113, 60, 713, 891, 346, 26), "valid": (61, 48, 18, 207, 196, 79, 8)}
EXPECTED = {
    f"{split} {what}": number
    for names, table in ((("utterances", "videos", "links"), _COUNTS), (EMOTIONS, _LABELS))
    for split, numbers in table.items()
    for what, number in zip(names, numbers, strict=True)
} | {"links": 258}
"""Of the published csv files; a link is a YouTube video, of which "videos" are parts."""
WHOLE_SUFFIXES = (".mp4", ".m4a", ".webm", ".mkv", ".opus", ".ogg", ".mp3", ".aac", ".wav", ".flac")
MIN_REST_S = 0.3
"""Utterances of which the others leave less than this are left out."""

_PATTERNS = {
    "link": re.compile(r"(?:[?&]v=|youtu\.be/|/embed/)([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])"),
    "video": re.compile(r"^([0-9a-f]{9}(?:_\d+)?)$"),
    "utterance": re.compile(r"^utterance_(\d+)\.mp4$"),
    "EmotionMaxVote": re.compile(r"^([0-6]?)$"),
}
"""By column; the group is what is used of it."""


@dataclass(frozen=True, order=True)
class Clip:
    """An utterance: a part of a YouTube video."""

    link: str  # id of the YouTube video
    start_s: float
    stop_s: float
    video: str  # nine hexadecimal digits, and mostly a number, of a run of utterances
    number: int  # of the utterance in the run
    split: str
    emotion: str | None = None  # None where the csv has no labels

    @property
    def speaker(self) -> str:
        """Return what stands for the person: the digits, which nearly always mean one link."""
        return self.video.partition("_")[0]

    @property
    def utterance_id(self) -> str:
        """Return ``5b44393ed-2-007``, or ``d1dae148e-001`` where the video has no number."""
        return f"{self.video.replace('_', '-')}-{self.number:03d}"


Media = dict[tuple[str, int] | str, Path]
"""Files of single utterances, by video and number, and whole videos, by the stem of the name."""


def count(clips: Iterable[Clip]) -> Counter[str]:
    """Return the numbers of a corpus by the names of `EXPECTED`."""
    clips = list(clips)
    found = Counter(f"{clip.split} utterances" for clip in clips)
    found.update(f"{clip.split} {clip.emotion}" for clip in clips)
    found.update(f"{split} videos" for split, _ in {(c.split, c.video) for c in clips})
    found.update(f"{split} links" for split, _ in {(c.split, c.link) for c in clips})
    found["links"] = len({clip.link for clip in clips})
    return found


def prepare(
    db: str | Path,
    data: str | Path,
    *,
    media_dir: str | Path | None = None,
    audio_dir: str | Path = "downloads",
    tests: str = "in",
    num_workers: int = 1,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write the sound of all utterances and the data directories; return the utterances by set.

    A run that was killed goes on where it was. Videos that are not there are no error, unless
    one of the splits has none at all.

    Args:
        db: the folder of the csv files, or up to two above it.
        data: gets ``omg``, which is all that is for pretraining, and ``omg_train``,
            ``omg_valid`` and ``omg_test``, the last with ``pairs/reconstruction``.
        media_dir: folder of the videos, up to three levels deep; none for that of the csv
            files.
        audio_dir: gets ``omg`` with the flac files, about 0.6 GB.
        tests: ``in``: the corpus's test split is in ``omg``, as [P2V] uses all; ``out``: not.

    Raises:
        ValueError: no csv files, malformed ones or not all, or no sound for one of the sets.
    """
    if tests not in ("in", "out"):
        raise ValueError(f"tests is {tests!r}; give in or out")
    folder = find_release_folder(
        db, "OMG-Emotion", _has_tables, "OMG-Emotion: omg_TrainVideos.csv and the other csv files"
    )
    left_out: Counter[str] = Counter()
    clips = read_clips(folder, left_out)
    self_check(folder, "OMG-Emotion", EXPECTED, count(clips), allow_incomplete=allow_incomplete)
    media_root = folder if media_dir is None else Path(media_dir)
    if not media_root.is_dir():
        raise ValueError(f"{media_root}: no such folder; give the folder of the videos")
    media = find_media(media_root, left_out)
    log_left_out(folder, left_out)
    sources = {
        clip: next(media[key] for key in keys if key in media)
        for clip in clips
        if media.keys() & (keys := ((clip.video, clip.number), clip.video, clip.link))
    }
    rejected = {
        clip.utterance_id: f"no video of {clip.video} or https://youtu.be/{clip.link}"
        for clip in clips
        if clip not in sources
    }
    starts = without_overlaps(sources)
    given_s = [start_s - clip.start_s for clip, start_s in starts.items() if start_s > clip.start_s]
    logger.info(
        f"{folder}: {len(given_s)} utterances begin before the one before them ends; these "
        f"{sum(given_s):.1f} s are left to the earlier one"
    )
    audio = Path(audio_dir).resolve() / "omg"
    outputs: dict[Clip, str] = {}
    cuts: dict[Path, list[Cut]] = {}
    for clip, start_s in starts.items():
        if (rest_s := clip.stop_s - start_s) < MIN_REST_S:
            rejected[clip.utterance_id] = f"all but {rest_s:.3f} s of it is in earlier utterances"
            continue
        outputs[clip] = f"{audio}/{clip.utterance_id}.flac"
        if (clip.video, clip.number) in media:
            cut = Cut(outputs[clip], round(start_s - clip.start_s, 6))
        else:
            cut = Cut(outputs[clip], start_s, clip.stop_s)
        cuts.setdefault(sources[clip], []).append(cut)
    reasons = extract_audio(
        [VideoJob(str(source), tuple(cuts[source])) for source in sorted(cuts)],
        audio,
        description="taking the sound out of OMG-Emotion",
        num_workers=num_workers,
    )
    rejected |= {c.utterance_id: fault for c in outputs if (fault := reasons[outputs[c]])}
    kept = [clip for clip in outputs if clip.utterance_id not in rejected]
    _write_attrition(Path(data) / "omg_attrition.tsv", clips, kept)
    report_rejected(Path(data) / "omg", rejected, len(clips))
    links = {split: {clip.link for clip in kept if clip.split == split} for split in VIDEO_FILES}
    for split in ("valid", "test"):
        logger.info(
            "%s: %d of %d YouTube videos of %s are in train too",
            *(folder, len(links[split] & links["train"]), len(links[split]), split),
        )
    texts = read_transcripts(folder)
    words = {
        clip.utterance_id: texts[clip.video, clip.number]
        for clip in kept
        if (clip.video, clip.number) in texts
    }
    sets: dict[str, list[Utterance]] = {split: [] for split in VIDEO_FILES}
    for clip in kept:
        known = dict(emotion=clip.emotion, session=clip.link, dialogue=clip.video, language="eng")
        sets[clip.split].append(Utterance(clip.utterance_id, clip.speaker, outputs[clip], **known))
    union = sets["train"] + sets["valid"] + (sets["test"] if tests == "in" else [])
    return write_pretraining_sets(data, "omg", sets, words, rejected, union=union)


def _has_tables(path: Path) -> bool:
    return any((path / name).is_file() for names in VIDEO_FILES.values() for name in names)


def read_clips(root: Path, left_out: Counter[str]) -> list[Clip]:
    """Return the utterances of all splits, sorted by link and time; counts what is passed over.

    ValueError with file and line where a table is malformed or an utterance stands twice.
    """
    clips: dict[tuple[str, int], Clip] = {}
    for split, names in VIDEO_FILES.items():
        for path in [root / name for name in names if (root / name).is_file()][:1]:
            for place, row in _rows(path, "link", "start", "end", "video", "utterance"):
                if not row["video"]:
                    left_out["rows without a video"] += 1
                    continue
                clip = _clip(place, row, split)
                if clips.setdefault((clip.video, clip.number), clip) is not clip:
                    raise ValueError(
                        f"{place}: {row['video']} {row['utterance']}: stands twice; fetch the csv "
                        "files again"
                    )
    return sorted(clips.values())


def read_transcripts(root: Path) -> dict[tuple[str, int], str]:
    """Return the words by video and number, as far as there are any; ValueError for a bad table."""
    words = {}
    for path in (root / name for name in TRANSCRIPT_FILES if (root / name).is_file()):
        for place, row in _rows(path, "video", "utterance", "transcript"):
            text = " ".join(row["transcript"].split())
            if row["video"] and text:
                words[row["video"], int(_field(place, row, "utterance"))] = text
    return words


def _rows(path: Path, *needed: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield place and stripped fields of every row; a field that a row lacks is empty."""
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
                row = dict.fromkeys(header, "") | dict(zip(header, map(str.strip, fields)))
                yield f"{path}:{reader.line_num}", row
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a csv in UTF-8 ({error}); fetch it again") from error


def _field(place: str, row: Mapping[str, str], name: str) -> str:
    """Return what is used of a column; a ValueError names the place where it is malformed."""
    match = _PATTERNS[name].search(row.get(name, ""))
    if match is None:
        raise ValueError(
            f"{place}: {name} {row[name]!r:.80} is none of OMG-Emotion; fetch the csv files again"
        )
    return match[1]


def _clip(place: str, row: Mapping[str, str], split: str) -> Clip:
    link, video, number, label = (_field(place, row, name) for name in _PATTERNS)
    try:
        start_s, stop_s = float(row["start"]), float(row["end"])
    except ValueError:
        start_s, stop_s = 0.0, 0.0
    if not 0 <= start_s < stop_s:
        raise ValueError(
            f"{place}: start {row['start']!r:.20}, end {row['end']!r:.20}: not seconds in order"
        )
    emotion = EMOTIONS[int(label)] if label else None
    return Clip(link, start_s, stop_s, video, int(number), split, emotion)


def find_media(root: Path, left_out: Counter[str]) -> Media:
    """Return what lies in a folder and up to three below; of two for the same the first."""
    media: Media = {}
    level = [root]
    for _ in range(4):
        below = []
        for folder, entry in ((f, entry) for f in level for entry in visible(f, left_out)):
            path = Path(entry.path).absolute()
            number = _PATTERNS["utterance"].search(entry.name)
            if entry.is_dir():  # those of annotations are called utterance_<N>.mp4
                if entry.name != "DetailedAnnotation" and not entry.name.endswith(".mp4"):
                    below.append(path)
            elif number and _PATTERNS["video"].search(folder.name):
                media.setdefault((folder.name, int(number[1])), path)
            elif path.suffix.lower() in WHOLE_SUFFIXES:
                media.setdefault(path.stem, path)
        level = below
    return media


def without_overlaps(clips: Iterable[Clip]) -> dict[Clip, float]:
    """Return where (s) each utterance begins behind all earlier ones, ``stop_s`` if nowhere.

    ``clips`` are sorted, as `read_clips` returns them.
    """
    starts = {}
    taken_s: dict[str, float] = {}
    for clip in clips:
        starts[clip] = min(max(clip.start_s, taken_s.get(clip.link, 0.0)), clip.stop_s)
        taken_s[clip.link] = max(clip.stop_s, taken_s.get(clip.link, 0.0))
    return starts


def _write_attrition(path: Path, clips: Sequence[Clip], kept: Sequence[Clip]) -> None:
    """Write and log, by split, how much of what is listed is there."""
    kinds = ("utterances", "hours", "links")
    heads = [f"{what} {which}" for what in kinds for which in ("listed", "here")]
    with atomic_open(path) as stream:
        stream.write("\t".join(["split", *heads]) + "\n")
        for split in (*VIDEO_FILES, "all"):
            amounts = []
            for some in (clips, kept):
                chosen = [clip for clip in some if split in (clip.split, "all")]
                hours = sum(clip.stop_s - clip.start_s for clip in chosen) / 3600
                links = {clip.link for clip in chosen}
                amounts.append((f"{len(chosen)}", f"{hours:.2f}", f"{len(links)}"))
            row = [split, *chain.from_iterable(zip(*amounts, strict=True))]
            stream.write("\t".join(row) + "\n")
            logger.info("OMG-Emotion %s: " + ", ".join(f"{head} %s" for head in heads), *row)
