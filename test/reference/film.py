"""Films with sound, as PyAV writes them: what LRS3 and OMG-Emotion are made of."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_film(
    path: Path,
    waveform: np.ndarray | None,
    rate_hz: int = 16000,
    *,
    channels: int = 1,
    picture: bool = False,
) -> Path:
    """Write an mp4 with the waveform (N,) as aac in every channel, and a picture if asked for.

    Frames carry their times, so that the file says where the coder's delay ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    layout = {1: "mono", 2: "stereo"}[channels]
    with av.open(str(path), "w") as container:
        # All streams are there before the first packet, which writes the header.
        if picture:
            film = container.add_stream("mpeg4", rate=25, width=16, height=16, pix_fmt="yuv420p")
        if waveform is not None:
            sound = container.add_stream("aac", rate=rate_hz, layout=layout, bit_rate=128000)
        if picture:
            black = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
            for image in (black, None):
                container.mux(film.encode(image))
        if waveform is not None:
            samples = np.tile(waveform.astype(np.float32), (channels, 1))
            for start in range(0, len(waveform), 1024):
                block = np.ascontiguousarray(samples[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
                frame.sample_rate, frame.pts = rate_hz, start
                frame.time_base = Fraction(1, rate_hz)
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def write_silent_film(path: Path) -> Path:
    """Write an mp4 that has a picture and no sound at all."""
    return write_film(path, None, picture=True)


def clicks(duration_s: float, times_s: list[float], rate_hz: int = 16000) -> np.ndarray:
    """Return silence (N,) with a short loud noise from each of the times on."""
    waveform = np.zeros(round(duration_s * rate_hz), dtype=np.float32)
    noise = np.random.default_rng(0).uniform(-0.6, 0.6, rate_hz // 50)
    for time_s in times_s:
        start = round(time_s * rate_hz)
        waveform[start : start + len(noise)] += noise[: len(waveform) - start]
    return waveform
