"""The sound of OMG-Emotion on disk: which file holds which utterance, and which part of it.

The corpus is a list of YouTube links, so what a user has depends on the route and the day::

    <any folder>/<video>/utterance_7.mp4      cut by the corpus's own script
    <any folder>/<video>.mp4                  whole, by that script (youtube_videos_temp)
    <any folder>/<YouTube id>.<m4a or other>  whole, by another downloader

Neighbouring utterances overlap by 0.4 s or so: a second of sound is given to the
utterance that begins first, also across training, validation and test.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.folder_content import visible
from espnet2_ext.corpora.omg_tables import Clip, is_video, utterance_number
from espnet2_ext.data.video_audio import Cut, VideoJob

WHOLE_SUFFIXES = frozenset(
    (".mp4", ".m4a", ".webm", ".mkv", ".opus", ".ogg", ".mp3", ".aac", ".wav", ".flac")
)
MIN_REST_S = 0.3
"""Utterances of which the others leave less than this are left out."""
LEVELS_BELOW = 3
ANNOTATIONS = "DetailedAnnotation"


@dataclass(frozen=True)
class Media:
    """What was found: files of single utterances, and whole videos by the stem of the name."""

    cut: dict[tuple[str, int], Path] = field(default_factory=dict)
    whole: dict[str, Path] = field(default_factory=dict)


def find_media(root: str | Path, left_out: Counter[str]) -> Media:
    """Return what lies in a folder and up to three below; hidden names are counted.

    ``DetailedAnnotation`` is not opened: its folders, not files, are called
    utterance_<N>.mp4. Of files for the same thing the first by name is taken.
    """
    media = Media()
    level = [Path(root)]
    for _ in range(LEVELS_BELOW + 1):
        below = []
        for folder in level:
            for entry in visible(folder, left_out):
                if entry.is_dir():
                    if entry.name != ANNOTATIONS and not entry.name.endswith(".mp4"):
                        below.append(Path(entry.path))
                else:
                    _enter(media, folder, entry)
        level = below
    return media


def _enter(media: Media, folder: Path, entry: os.DirEntry[str]) -> None:
    """Enter a file of one of the three kinds."""
    path = Path(entry.path).absolute()
    number = utterance_number(entry.name)
    if number is not None and is_video(folder.name):
        media.cut.setdefault((folder.name, number), path)
    elif path.suffix.lower() in WHOLE_SUFFIXES:
        media.whole.setdefault(path.stem, path)


def has_media(clip: Clip, media: Media) -> bool:
    """Return whether there is a file that should hold the utterance."""
    return bool({clip.video, clip.link} & media.whole.keys()) or clip.key in media.cut


def without_overlaps(clips: Sequence[Clip]) -> dict[Clip, float]:
    """Return where each utterance begins once what earlier ones hold is left to these.

    Args:
        clips: sorted, as `read_clips` returns them.

    Returns:
        Seconds in the YouTube video; from ``stop_s`` on, where nothing is left.
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
    """Return a job for each file, with the utterances to take from it.

    Args:
        starts: of the utterances to take, all of which have media.
        media: where they are; a file of one utterance is preferred to a whole video.
        outputs: the flac of each utterance.
    """
    cuts: dict[Path, list[Cut]] = {}
    for clip, start_s in starts.items():
        if clip.key in media.cut:
            source = media.cut[clip.key]
            cut = Cut(outputs[clip], round(start_s - clip.start_s, 6))
        else:
            source = media.whole.get(clip.video) or media.whole[clip.link]
            cut = Cut(outputs[clip], start_s, clip.stop_s)
        cuts.setdefault(source, []).append(cut)
    return [VideoJob(str(source), tuple(cuts[source])) for source in sorted(cuts)]
