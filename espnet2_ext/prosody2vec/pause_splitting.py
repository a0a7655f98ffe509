"""Split long speech at its pauses, so that each piece is as long as what models learn on.

Not in paper: [P2V] converts single utterances. Attention and memory grow with length, and
utterances above some seconds are left out of training.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ

FRAME_SAMPLES = SAMPLE_RATE_HZ * 20 // 1000
HOP_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
PAUSE_RANGE_DB = 40.0
"""Frames weaker than the strongest one by more than this are pauses."""
SILENCE_DB = -70.0
"""Frames below this are silent whatever surrounds them; 16-bit dither lies below -90 dB."""
LONG_PAUSE_S = 1.0
"""Pauses from here on are taken out: units without repeats say nothing of their length."""
MARGIN_S = 0.1
"""How much of a pause stays on either side of it, for sounds that begin softly."""
MIN_SEGMENT_S = 3.0
MAX_SEGMENT_S = 60.0
"""Bounds of what may be converted at once; attention was trained on some seconds."""
SMOOTHING_S = 0.1
"""A cut goes where this much sound is weakest."""


@dataclass(frozen=True)
class Segment:
    """A stretch of a waveform.

    Attributes:
        start: first sample.
        stop: sample after the last.
        is_pause: whether it holds no speech.
    """

    start: int
    stop: int
    is_pause: bool

    @property
    def num_samples(self) -> int:
        """Return its length."""
        return self.stop - self.start


def split_at_pauses(waveform: np.ndarray, max_segment_s: float) -> list[Segment]:
    """Return segments of speech and of pause that, side by side, are the whole waveform.

    Pauses of 1 s and more become segments of their own, with 0.1 s of each left to the
    speech on either side. Speech that is still longer than ``max_segment_s`` is cut where
    it is weakest in the second half of what is allowed; the pause around the cut becomes a
    segment likewise. Where there is no pause (music, noise), the cut is all there is.

    Args:
        waveform: (N,) at 16 kHz.
        max_segment_s: longest segment of speech, see ``check_max_segment_s``.

    Raises:
        ValueError: the limit is out of range, or no sound is in the waveform.
    """
    check_max_segment_s(max_segment_s)
    powers = frame_powers(waveform)
    is_quiet = quiet_frames(powers)
    if is_quiet.all():
        raise ValueError(f"no sound above {SILENCE_DB:g} dB in {len(waveform)} samples")
    max_samples = int(max_segment_s * SAMPLE_RATE_HZ)
    quiet = _runs(is_quiet, len(waveform))
    cuts = [run for run in quiet if run.num_samples >= LONG_PAUSE_S * SAMPLE_RATE_HZ]
    segments = _around([_without_margins(run, len(waveform)) for run in cuts], len(waveform))
    smooth = _smoothed(powers)
    result: list[Segment] = []
    for segment in segments:
        result += [segment] if segment.is_pause else _cut(segment, smooth, quiet, max_samples)
    return result


def check_max_segment_s(max_segment_s: float) -> None:
    """Raise a ValueError unless a longest segment, in seconds, holds phrases and fits in memory."""
    if not MIN_SEGMENT_S <= max_segment_s <= MAX_SEGMENT_S:
        raise ValueError(
            f"max_segment_s {max_segment_s:g}: must lie in {MIN_SEGMENT_S:g} to {MAX_SEGMENT_S:g}, "
            "whole phrases about as long as the training's"
        )


def join_converted(
    segments: Sequence[Segment], convert: Callable[[Segment], np.ndarray]
) -> np.ndarray:
    """Return one waveform (N',): each segment of speech converted, each pause as silence.

    Args:
        segments: of ``split_at_pauses``.
        convert: from a segment of speech to its new waveform (n,).
    """
    return np.concatenate(
        [
            np.zeros(segment.num_samples, dtype=np.float32)
            if segment.is_pause
            else convert(segment).astype(np.float32)
            for segment in segments
        ]
    )


def frame_powers(waveform: np.ndarray) -> np.ndarray:
    """Return the mean power (F,) of frames of 20 ms every 10 ms, the last ones shorter."""
    total = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype=np.float64))])
    starts = np.arange(0, max(len(waveform), 1), HOP_SAMPLES)
    stops = np.minimum(starts + FRAME_SAMPLES, len(waveform))
    return np.maximum(total[stops] - total[starts], 0.0) / np.maximum(stops - starts, 1)


def quiet_frames(powers: np.ndarray) -> np.ndarray:
    """Return which frames (F,) are pauses: 40 dB below the strongest, or below -70 dB."""
    relative = powers.max() * 10.0 ** (-PAUSE_RANGE_DB / 10.0)
    return powers <= max(relative, 10.0 ** (SILENCE_DB / 10.0))


def _smoothed(powers: np.ndarray) -> np.ndarray:
    """Return powers (F,) averaged over 0.1 s."""
    width = round(SMOOTHING_S * SAMPLE_RATE_HZ / HOP_SAMPLES) // 2 * 2 + 1
    padded = np.pad(powers, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")


def _runs(is_quiet: np.ndarray, num_samples: int) -> list[Segment]:
    """Return the pauses: stretches of quiet frames in samples."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_quiet.astype(int), [0]])))
    frames = zip(edges[::2], edges[1::2], strict=True)
    reach = FRAME_SAMPLES - HOP_SAMPLES  # of the last quiet frame beyond the next one's start
    return [
        Segment(int(start) * HOP_SAMPLES, min(int(stop) * HOP_SAMPLES + reach, num_samples), True)
        for start, stop in frames
    ]


def _without_margins(pause: Segment, num_samples: int) -> Segment:
    """Return the pause without what the speech on its sides keeps of it."""
    margin = min(int(MARGIN_S * SAMPLE_RATE_HZ), pause.num_samples // 2)
    return Segment(
        pause.start + (margin if pause.start > 0 else 0),
        pause.stop - (margin if pause.stop < num_samples else 0),
        True,
    )


def _around(pauses: Sequence[Segment], stop: int, start: int = 0) -> list[Segment]:
    """Return the pauses and, as speech, what lies between them from start to stop."""
    segments = []
    position = start
    for pause in pauses:
        if pause.start > position:
            segments.append(Segment(position, pause.start, False))
        if pause.num_samples > 0:
            segments.append(pause)
        position = pause.stop
    if position < stop:
        segments.append(Segment(position, stop, False))
    return segments


def _cut(
    segment: Segment, smooth: np.ndarray, quiet: Sequence[Segment], max_samples: int
) -> list[Segment]:
    """Return the segment in pieces of at most ``max_samples``, with the pauses between."""
    pauses = []
    position = segment.start
    while segment.stop - position > max_samples:
        # The last piece keeps a second, as much as units and vectors can be made of.
        first = position + max_samples // 2
        last = min(position + max_samples, segment.stop - SAMPLE_RATE_HZ)
        frames = np.arange(-(-first // HOP_SAMPLES), last // HOP_SAMPLES + 1)
        weakest = frames[smooth[frames].argmin()]
        cut = int(weakest) * HOP_SAMPLES
        around = [run for run in quiet if run.start <= cut < run.stop]
        pause = _without_margins(around[0], segment.stop) if around else Segment(cut, cut, True)
        if not position < pause.start <= position + max_samples:
            pause = Segment(cut, cut, True)
        pauses.append(pause)
        position = pause.stop
    return _around(pauses, segment.stop, segment.start)
