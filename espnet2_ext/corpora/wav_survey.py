"""What the headers of a corpus's wavs say: length, rate, channels, and what cannot be read."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Survey:
    """Headers of the wavs of a copy; paths are relative to its folder.

    Attributes:
        readable: ids of the wavs that can be read, in the order given.
        unreadable: reason by path.
        other_formats: rate and channels by path, where they are not those of the corpus.
        hours: of the readable wavs.
    """

    readable: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    other_formats: dict[str, str] = field(default_factory=dict)
    hours: float = 0.0


def survey_wavs(root: Path, wavs: Mapping[str, str], rates_hz: Mapping[str, int]) -> Survey:
    """Return what the headers say; the next stage of a recipe decodes every file.

    Another rate or number of channels is no fault, since everything becomes 16 kHz mono, but
    it shows that the copy is not as released, and is logged.

    Args:
        root: the copy.
        wavs: path by id, relative to ``root``.
        rates_hz: of the released wavs, which are mono, by id.
    """
    readable, unreadable, other_formats = [], {}, {}
    hours = 0.0
    for name, path in wavs.items():
        try:
            with soundfile.SoundFile(root / path) as stream:
                num_samples, rate_hz, channels = stream.frames, stream.samplerate, stream.channels
        except RuntimeError as error:
            unreadable[path] = f"not readable as audio: {' '.join(str(error).split())}"
            continue
        if not num_samples:
            unreadable[path] = "holds no samples"
            continue
        readable.append(name)
        hours += num_samples / rate_hz / 3600
        if (rate_hz, channels) != (rates_hz[name], 1):
            other_formats[path] = f"{rate_hz} Hz, {channels} channels"
    for path, found in list(other_formats.items())[:1]:
        logger.warning(
            "%s: %d wavs have another rate or channels than those released, first %s (%s)",
            root,
            len(other_formats),
            path,
            found,
        )
    return Survey(readable, unreadable, other_formats, hours)
