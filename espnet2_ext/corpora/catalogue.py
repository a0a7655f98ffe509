"""What is known of each corpus (``catalogue.yaml``), and what pretraining on it will cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from espnet2_ext.data.tables import iterate_table


@dataclass(frozen=True)
class Corpus:
    """One corpus; utterances and hours are of all of it, None where the user decides."""

    name: str
    licence: str
    how_to_get: str  # in words
    language: str
    checks: str  # what is compared with published facts before anything is written
    url: str = ""
    utterances: int | None = None
    hours: float | None = None
    unconfirmed: Sequence[str] = ()  # attributes without an accessible source
    size_note: str = ""  # what the two numbers leave out
    is_video: bool = False  # its sound is extracted once and kept as flac in downloads


CORPORA: dict[str, Corpus] = {
    key: Corpus(**entry)
    for key, entry in yaml.safe_load(
        Path(__file__).with_name("catalogue.yaml").read_text(encoding="utf-8")
    ).items()
}
"""By the name of the parser in this package, such as ``crema_d``."""


def corpus_of(module: str) -> str:
    """Return the corpus that a parser reads: ``emodb_style`` is another list of ``emodb``."""
    names = [name for name in CORPORA if module == name or module.startswith(f"{name}_")]
    if not names:
        raise ValueError(f"{module}: not in espnet2_ext/corpora/catalogue.yaml; add an entry")
    return max(names, key=len)


# ---------------------------------------------------------------- cost

SAMPLE_RATE_HZ = 16000
MEL_FRAMES_PER_S = 62.5  # a hop of 256 samples
FLAC_BYTES_PER_S = 16000  # half of 16-bit samples; the generated corpus takes 17,800
MEL_BYTES_PER_S = 20000  # 80 bands of 4 bytes, 62.5 times a second
# Units and their durations as text, in dump/org and dump/raw; the generated corpus takes 106 in
# each.
UNIT_BYTES_PER_S = 210
VECTOR_BYTES = 950  # of an utterance: 192 numbers of 4 bytes, and its lines in the tables
# Mel frames a second on one H200: decoder steps without CUDA graph, 12 us a launch.
CALCULATED_SPEED = 48000.0
CALCULATED_SPEED_NOTE = (
    "calculated for one H200, not measured; give --mel_frames_per_s, which training logs"
)


class Speech(NamedTuple):
    """An amount of speech, where the numbers come from, and its share in videos."""

    hours: float
    utterances: int
    source: str
    video_hours: float = 0.0


class Cost(NamedTuple):
    """What pretraining needs; 1 GB is 1e9 bytes."""

    hours: float  # of audio trained on, over all speeds
    audio_gb: float  # flac in dump and downloads
    mels_gb: float
    units_gb: float
    vectors_gb: float
    gpu_hours: float  # of one epoch of training alone


def speech_of_catalogue(corpora: Sequence[str]) -> Speech:
    """Return what the catalogue says of the corpora; ValueError where it lacks one or its size."""
    speech, sizes = Speech(0.0, 0, ""), []
    for name in corpora:
        corpus = CORPORA.get(name)
        if corpus is None or corpus.hours is None or corpus.utterances is None:
            known = ", ".join(key for key, each in CORPORA.items() if each.hours is not None)
            raise ValueError(f"{name}: no size in the catalogue of corpora; it has {known}")
        remarks = [corpus.size_note] * bool(corpus.size_note)
        remarks += [
            f"{each} unconfirmed" for each in ("hours", "utterances") if each in corpus.unconfirmed
        ]
        sizes.append(
            f"{corpus.name} {corpus.hours:g} h" + f" ({'; '.join(remarks)})" * bool(remarks)
        )
        speech = Speech(
            speech.hours + corpus.hours,
            speech.utterances + corpus.utterances,
            f"sizes of whole corpora: {', '.join(sizes)}",
            speech.video_hours + corpus.hours * corpus.is_video,
        )
    return speech


def speech_of_directories(directories: Sequence[str | Path], video_hours: float) -> Speech | None:
    """Return what ``utt2num_samples`` of 16 kHz audio says; None where a directory has no table."""
    paths = [Path(directory) / "utt2num_samples" for directory in directories]
    if not paths or not all(path.is_file() for path in paths):
        return None
    samples = []
    for path in paths:
        for key, value in iterate_table(path):
            if not value.isdecimal():
                raise ValueError(f"{path}: {key}: {value!r:.40} is not a number; make it again")
            samples.append(int(value))
    source = f"counted in {', '.join(map(str, directories))}"
    return Speech(sum(samples) / SAMPLE_RATE_HZ / 3600, len(samples), source, video_hours)


def estimate(
    speech: Speech, *, speeds: Sequence[float], precomputed_features: bool, mel_frames_per_s: float
) -> Cost:
    """Return the cost of pretraining, with validation and test counted as training data.

    Audio at other speeds than 1 is written besides the original; mels are kept for all speeds.
    """
    if not speeds or min(speeds) <= 0:
        raise ValueError(f"speeds {list(speeds)}: give positive numbers, such as 0.9 1.0 1.1")
    if not mel_frames_per_s > 0:
        raise ValueError(f"mel_frames_per_s is {mel_frames_per_s:g}; give a positive number")
    hours = speech.hours * sum(1 / speed for speed in speeds)
    written = speech.hours * (1 + sum(1 / speed for speed in speeds if speed != 1))
    return Cost(
        hours=hours,
        audio_gb=(written + speech.video_hours) * 3600 * FLAC_BYTES_PER_S / 1e9,
        mels_gb=hours * 3600 * MEL_BYTES_PER_S / 1e9 if precomputed_features else 0.0,
        units_gb=hours * 3600 * UNIT_BYTES_PER_S / 1e9,
        vectors_gb=speech.utterances * len(speeds) * VECTOR_BYTES / 1e9,
        gpu_hours=hours * MEL_FRAMES_PER_S / mel_frames_per_s,
    )
