"""Films with sound, as PyAV writes them: what LRS3 and OMG-Emotion are made of."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_film(
    path: Path,
    waveform: np.ndarray,
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
    samples = np.tile(waveform.astype(np.float32), (channels, 1))
    with av.open(str(path), "w") as container:
        # All streams are there before the first packet, which writes the header.
        film = _add_picture_stream(container) if picture else None
        stream = container.add_stream("aac", rate=rate_hz)
        stream.layout = layout
        stream.bit_rate = 128000
        if film is not None:
            _write_picture(container, film)
        for start in range(0, len(waveform), 1024):
            block = np.ascontiguousarray(samples[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate_hz, start
            frame.time_base = Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_silent_film(path: Path) -> Path:
    """Write an mp4 that has a picture and no sound at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        _write_picture(container, _add_picture_stream(container))
    return path


def _add_picture_stream(container: av.container.OutputContainer) -> av.VideoStream:
    stream = container.add_stream("mpeg4", rate=25)
    stream.width = stream.height = 16
    stream.pix_fmt = "yuv420p"
    return stream


def _write_picture(container: av.container.OutputContainer, stream: av.VideoStream) -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def clicks(duration_s: float, times_s: list[float], rate_hz: int = 16000) -> np.ndarray:
    """Return silence (N,) with a short loud noise from each of the times on."""
    waveform = np.zeros(round(duration_s * rate_hz), dtype=np.float32)
    noise = np.random.default_rng(0).uniform(-0.6, 0.6, rate_hz // 50)
    for time_s in times_s:
        start = round(time_s * rate_hz)
        waveform[start : start + len(noise)] += noise[: len(waveform) - start]
    return waveform
