"""OMG-Emotion: parts of YouTube monologues, labelled by viewers (Barros et al. 2018).

5,288 utterances of 0.5 to 95 s, 10.24 h (train 4.72 h, valid 1.22 h, test 4.30 h), of 495 videos
and at most some 258 persons. [P2V] Table III counts about 7,400 utterances, 15 h: these were
never all published. Its "~500 speakers" are the 495 videos.

The csv files do not hold sound and picture: each link is fetched from YouTube, and many are
dead. What of the corpus is left on the day is counted in ``omg_attrition.tsv``; the recipe's
README has the commands.

* The csv files have rows of means without a video, which are counted and passed over; a blank
  after a file name; line ends in transcripts; and five columns in the test set's file::

      link,start,end,video,utterance,arousal,valence,EmotionMaxVote
      https://www.youtube.com/watch?v=AbCdEfGhIjK,12.5,19.25,5b44393ed_2,utterance_7.mp4,0.3,-0.1,4

* What a user has of the videos depends on the route and the day; at any depth up to three::

      <video>/utterance_7.mp4      cut by the corpus's own script
      <video>.mp4                  whole, by that script (youtube_videos_temp)
      <YouTube id>.<m4a or other>  whole, by another downloader

* Neighbours overlap by 0.4 s or so, 408 s in train: each second goes to the utterance
  that begins first, also across training, validation and test.
* Splits share YouTube videos and so persons: how many is logged. Speakers are not kept
  apart, as [P2V] does not either.
* Who speaks is not said: the nine digits of a video id nearly always mean one link.

Source: [P2V] IV-A, Table III.
"""

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import find_release_folder, log_left_out, self_check, visible
from espnet2_ext.corpora.pretraining import with_another_voice, write_pretraining_sets
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
ATTRITION = "omg_attrition.tsv"
ALONE = "the only utterance of its speaker in the test split, so that none gives it a voice"
TEST_CHOICES = ("in", "out")
ANNOTATIONS = "DetailedAnnotation"
"""Not opened: its folders, not files, are called utterance_<N>.mp4."""
WHOLE_SUFFIXES = (".mp4", ".m4a", ".webm", ".mkv", ".opus", ".ogg", ".mp3", ".aac", ".wav", ".flac")
LEVELS_BELOW = 3
MIN_REST_S = 0.3
"""Utterances of which the others leave less than this are left out."""

_LINK = re.compile(r"(?:[?&]v=|youtu\.be/|/embed/)([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])")
_VIDEO = re.compile(r"[0-9a-f]{9}(?:_\d+)?")
_UTTERANCE = re.compile(r"utterance_(\d+)\.mp4")


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

    @property
    def key(self) -> tuple[str, int]:
        """Return what tells an utterance from all others."""
        return self.video, self.number


class Media(NamedTuple):
    """What was found: files of single utterances, and whole videos by the stem of the name."""

    cut: dict[tuple[str, int], Path]
    whole: dict[str, Path]

    def source(self, clip: Clip) -> Path | None:
        """Return the file that should hold an utterance, its own rather than a whole video."""
        whole = self.whole.get(clip.video) or self.whole.get(clip.link)
        return self.cut.get(clip.key) or whole


def count(clips: Iterable[Clip]) -> Counter[str]:
    """Return the numbers of a corpus by the names of `EXPECTED`."""
    clips = list(clips)
    found = Counter(f"{clip.split} utterances" for clip in clips)
    found.update(f"{clip.split} {clip.emotion}" for clip in clips if clip.emotion)
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

    A run that was killed goes on where it was. Videos that are not there are counted in
    ``omg_attrition.tsv`` and listed in ``rejected.tsv``; they are no error, unless one of
    the splits has none at all.

    Args:
        db: the folder of the csv files, or up to two above it.
        data: gets ``omg``, which is all that is for pretraining, and ``omg_train``,
            ``omg_valid`` and ``omg_test``, the last with ``pairs/reconstruction``.
        media_dir: folder of the videos, up to three levels deep; none for that of the csv
            files.
        audio_dir: gets ``omg`` with the flac files, about 0.6 GB.
        tests: ``in``: the corpus's test split is in ``omg``, as [P2V] uses all; ``out``: not.
        num_workers: processes that decode.
        allow_incomplete: warn of csv files or rows that are missing and go on.

    Raises:
        ValueError: an unknown choice, no csv files, malformed ones or not all, or no sound
            for one of the sets.
    """
    if tests not in TEST_CHOICES:
        raise ValueError(f"tests is {tests!r}; give {' or '.join(TEST_CHOICES)}")
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
    present = [clip for clip in clips if media.source(clip)]
    rejected = {
        clip.utterance_id: f"no video of {clip.video} or https://youtu.be/{clip.link}"
        for clip in clips
        if not media.source(clip)
    }
    starts = without_overlaps(present)
    _log_overlaps(folder, starts)
    for clip, start_s in list(starts.items()):
        if (rest_s := clip.stop_s - start_s) < MIN_REST_S:
            rejected[clip.utterance_id] = f"all but {rest_s:.3f} s of it is in earlier utterances"
            del starts[clip]
    audio = Path(audio_dir).resolve() / "omg"
    outputs = {clip: f"{audio}/{clip.utterance_id}.flac" for clip in starts}
    reasons = extract_audio(
        plan_jobs(starts, media, outputs),
        audio,
        description="taking the sound out of OMG-Emotion",
        num_workers=num_workers,
    )
    rejected |= {c.utterance_id: fault for c in starts if (fault := reasons[outputs[c]])}
    kept = [clip for clip in starts if clip.utterance_id not in rejected]
    _write_attrition(Path(data) / ATTRITION, clips, kept)
    report_rejected(Path(data) / "omg", rejected, len(clips))
    _log_shared_links(folder, kept)
    texts = read_transcripts(folder)
    words = {clip.utterance_id: texts[clip.key] for clip in kept if clip.key in texts}
    sets: dict[str, list[Utterance]] = {split: [] for split in VIDEO_FILES}
    for clip in kept:
        sets[clip.split].append(
            Utterance(
                clip.utterance_id,
                clip.speaker,
                outputs[clip],
                emotion=clip.emotion,
                session=clip.link,
                dialogue=clip.video,
                language="eng",
            )
        )
    union = sets["train"] + sets["valid"] + (sets["test"] if tests == "in" else [])
    sets["test"], alone = with_another_voice(sets["test"])
    left_out_of_test = {utterance.utterance_id: ALONE for utterance in alone}
    return write_pretraining_sets(
        *(data, "omg", sets, words, rejected), union=union, left_out_of_test=left_out_of_test
    )


def _has_tables(path: Path) -> bool:
    return any((path / name).is_file() for names in VIDEO_FILES.values() for name in names)


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
        for place, row in _rows(path, "link", "start", "end", "video", "utterance"):
            if not row["video"]:
                left_out["rows without a video"] += 1
                continue
            clip = _clip(place, row, split)
            if clips.setdefault(clip.key, clip) is not clip:
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
                words[row["video"], _number(place, row)] = text
    return words


def _rows(path: Path, *needed: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield place and stripped fields of every row; a field that a row lacks is empty."""
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
                yield f"{path}:{first_line}", row
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}:{line}: not a csv in UTF-8 ({error}); fetch it again") from error


def _clip(place: str, row: dict[str, str], split: str) -> Clip:
    """Return the utterance of a row; a ValueError names the place of what is wrong."""
    link = _LINK.search(row["link"])
    if link is None:
        raise ValueError(f"{place}: link {row['link']!r:.80} holds no YouTube id of 11 letters")
    if not _VIDEO.fullmatch(row["video"]):
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
    match = _UTTERANCE.fullmatch(row["utterance"])
    if match is None:
        raise ValueError(f"{place}: utterance {row['utterance']!r:.80} is not utterance_<N>.mp4")
    return int(match[1])


def find_media(root: Path, left_out: Counter[str]) -> Media:
    """Return what lies in a folder and up to three below; of two for the same the first."""
    media = Media({}, {})
    level = [root]
    for _ in range(LEVELS_BELOW + 1):
        below = []
        for folder, entry in ((f, entry) for f in level for entry in visible(f, left_out)):
            path, number = Path(entry.path).absolute(), _UTTERANCE.fullmatch(entry.name)
            if entry.is_dir():
                if entry.name != ANNOTATIONS and not entry.name.endswith(".mp4"):
                    below.append(Path(entry.path))
            elif number and _VIDEO.fullmatch(folder.name):
                media.cut.setdefault((folder.name, int(number[1])), path)
            elif path.suffix.lower() in WHOLE_SUFFIXES:
                media.whole.setdefault(path.stem, path)
        level = below
    return media


def without_overlaps(clips: Sequence[Clip]) -> dict[Clip, float]:
    """Return where, in seconds of the video, each utterance begins behind all earlier ones.

    That is ``stop_s`` where nothing is left. ``clips`` are sorted, as `read_clips` returns them.
    """
    starts = {}
    taken_s: dict[str, float] = {}
    for clip in clips:
        starts[clip] = min(max(clip.start_s, taken_s.get(clip.link, 0.0)), clip.stop_s)
        taken_s[clip.link] = max(clip.stop_s, taken_s.get(clip.link, 0.0))
    return starts


def plan_jobs(
    starts: Mapping[Clip, float], media: Media, outputs: Mapping[Clip, str]
) -> list[VideoJob]:
    """Return a job for each file; all utterances have media, ``outputs`` are their flac files."""
    cuts: dict[Path, list[Cut]] = {}
    for clip, start_s in starts.items():
        if clip.key in media.cut:
            cut = Cut(outputs[clip], round(start_s - clip.start_s, 6))
        else:
            cut = Cut(outputs[clip], start_s, clip.stop_s)
        source = media.source(clip)
        assert source is not None
        cuts.setdefault(source, []).append(cut)
    return [VideoJob(str(source), tuple(cuts[source])) for source in sorted(cuts)]


def _log_overlaps(folder: Path, starts: Mapping[Clip, float]) -> None:
    given_s = [start_s - clip.start_s for clip, start_s in starts.items() if start_s > clip.start_s]
    logger.info(
        f"{folder}: {len(given_s)} utterances begin before the one before them ends; these "
        f"{sum(given_s):.1f} s are left to the earlier one"
    )


def _log_shared_links(folder: Path, kept: Sequence[Clip]) -> None:
    links = {split: {c.link for c in kept if c.split == split} for split in VIDEO_FILES}
    for split in ("valid", "test"):
        logger.info(
            "%s: %d of %d YouTube videos of %s are in train too",
            *(folder, len(links[split] & links["train"]), len(links[split]), split),
        )


def _write_attrition(path: Path, clips: Sequence[Clip], kept: Sequence[Clip]) -> None:
    """Write and log, by split, how much of what is listed is there."""
    kinds = ("utterances", "hours", "links")
    heads = [f"{what} {which}" for what in kinds for which in ("listed", "here")]
    with atomic_open(path) as stream:
        stream.write("\t".join(["split", *heads]) + "\n")
        for split in (*VIDEO_FILES, "all"):
            row = [split]
            for listed, here in zip(_amounts(clips, split), _amounts(kept, split), strict=True):
                row += [listed, here]
            stream.write("\t".join(row) + "\n")
            logger.info("OMG-Emotion %s: " + ", ".join(f"{head} %s" for head in heads), *row)


def _amounts(clips: Sequence[Clip], split: str) -> tuple[str, str, str]:
    """Return utterances, hours and links of a split or of ``all``."""
    chosen = [clip for clip in clips if split in (clip.split, "all")]
    hours = sum(clip.stop_s - clip.start_s for clip in chosen) / 3600
    return str(len(chosen)), f"{hours:.2f}", str(len({clip.link for clip in chosen}))
