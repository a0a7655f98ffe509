"""What a Python user imports; everything else may move.

Example:
    >>> from espnet2_ext.api import Prosody2VecConverter, UnitEncoderPipeline, read_audio
"""

from importlib import import_module
from typing import Any

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.conversion.converter import (
    Conversion,
    ConversionRequest,
    Prosody2VecConverter,
    VarianceCompensation,
    average_prosody,
    scale_intensity,
)
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, AudioError, read_any_audio, read_audio
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.speaker.encoder import build_speaker_encoder
from espnet2_ext.units.centroids import UnitEncoderPipeline
from espnet2_ext.vocoder import build_vocoder

__all__ = [
    "SAMPLE_RATE_HZ",
    "AudioError",
    "VarianceCompensation",
    "Conversion",
    "ConversionRequest",
    "GenerationLimits",
    "Prosody2VecConverter",
    "UnitEncoderPipeline",
    "average_prosody",
    "build_speaker_encoder",
    "build_vocoder",
    "read_any_audio",
    "read_audio",
    "scale_intensity",
]

_SLOW = {
    "AnyConverter": "espnet2_ext.conversion.recordings",
    "EmotionRecogniser": "espnet2_ext.ser.recogniser",
    "convert_file": "espnet2_ext.conversion.recordings",
}


def __getattr__(name: str) -> Any:
    """Import what takes seconds, ESPnet's tasks, only when it is asked for."""
    if name in _SLOW:
        return getattr(import_module(_SLOW[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
