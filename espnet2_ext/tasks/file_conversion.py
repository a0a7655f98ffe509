"""Convert one file with the prosody of others and write the result."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.metrics.f0 import f0_contour
from espnet2_ext.prosody2vec.prosody_mix import scale_intensity
from espnet2_ext.tasks.any_conversion import AnyConverter, read_speech
from espnet2_ext.vocoder.vocode import write_waveform

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConvertedFile:
    """What was heard and said.

    Attributes:
        source: (N,) at 16 kHz.
        references: (N_i,), one a prosody file.
        converted: (N',).
        num_not_stopped: segments of speech whose end was cut by the limit on length.
    """

    source: np.ndarray
    references: list[np.ndarray]
    converted: np.ndarray
    num_not_stopped: int = 0

    def summary(self) -> str:
        """Return a table, one line a recording: what it is, seconds, mean F0 in Hz."""
        rows = [("source", self.source)]
        rows += [("prosody", each) for each in self.references]
        rows += [("converted", self.converted)]
        lines = ["recording\tseconds\tmean_f0_hz"]
        for what, waveform in rows:
            mean_hz = f0_contour(waveform).mean_hz
            pitch = "unvoiced" if mean_hz is None else f"{mean_hz:.1f}"
            lines.append(f"{what}\t{len(waveform) / SAMPLE_RATE_HZ:.2f}\t{pitch}")
        return "\n".join(lines)


def convert_file(
    converter: AnyConverter,
    *,
    source: str | Path,
    prosody: Sequence[str | Path],
    out: str | Path,
    speaker: str | Path | None = None,
    intensity: float | None = None,
    interpolate_from: str | Path | None = None,
) -> ConvertedFile:
    """Write the words of ``source`` in the prosody of other files, 16 kHz 16 bit.

    Args:
        converter: see there.
        source: file whose words are said.
        prosody: files whose prosody is taken; of several, their average.
        out: audio file to write, .wav or .flac.
        speaker: file whose voice is taken. None takes the source's, whose vector tells of its
            prosody too; in training it was that of another utterance ([P2V] III-B).
        intensity: 0 to 1 leads from the neutral prosody to that of ``prosody``, above 1
            beyond it; None is 1.
        interpolate_from: file that gives the neutral prosody; None takes the source's.

    Raises:
        AudioError: a file is no audio.
        ValueError: a file holds no speech, interpolate_from is given without intensity, or
            ``out`` is one of the recordings.
    """
    if interpolate_from is not None and intensity is None:
        raise ValueError(
            f"{interpolate_from}: where prosody comes from matters only with an intensity, "
            "such as --intensity 0.5"
        )
    if Path(out).suffix.lower() not in (".wav", ".flac"):
        raise ValueError(f"{out}: only .wav and .flac are written")
    recordings = [source, *prosody, *(each for each in (speaker, interpolate_from) if each)]
    if any(Path(out).resolve() == Path(each).resolve() for each in recordings):
        raise ValueError(f"{out}: is one of the recordings, which would be lost; name another")
    words = read_speech(source, "source")
    vector = converter.prosody(prosody)
    if intensity is not None:
        neutral = converter.prosody([source if interpolate_from is None else interpolate_from])
        vector = scale_intensity(neutral, vector, intensity)
    voice = converter.speaker(source if speaker is None else speaker)
    try:
        conversion = converter.convert(words, vector, voice)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    for segment in conversion.not_stopped:
        start_s, stop_s = segment.start / SAMPLE_RATE_HZ, segment.stop / SAMPLE_RATE_HZ
        logger.warning(f"{source}: {start_s:.1f} to {stop_s:.1f} s: the model found no end")
    if write_waveform(out, conversion.waveform):
        logger.warning(f"{out}: samples above full scale were clipped")
    references = [read_speech(path, "prosody reference") for path in prosody]
    num_not_stopped = len(conversion.not_stopped)
    return ConvertedFile(words, references, conversion.waveform, num_not_stopped)
