"""What a Python user imports; everything else may move.

Example:
    >>> from espnet2_ext.api import Prosody2VecConverter, UnitEncoderPipeline, read_audio
"""

from importlib import import_module
from typing import Any

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.data.any_audio import read_any_audio
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, AudioError, read_audio
from espnet2_ext.prosody2vec.contrast import Contrast
from espnet2_ext.prosody2vec.converter import Conversion, ConversionRequest, Prosody2VecConverter
from espnet2_ext.prosody2vec.generation import GenerationLimits
from espnet2_ext.prosody2vec.prosody_mix import (
    average_prosody,
    interpolate_prosody,
    scale_intensity,
)
from espnet2_ext.speaker.encoder import build_speaker_encoder
from espnet2_ext.units.encode import UnitEncoderPipeline
from espnet2_ext.vocoder import build_vocoder

__all__ = [
    "SAMPLE_RATE_HZ",
    "AudioError",
    "Contrast",
    "Conversion",
    "ConversionRequest",
    "GenerationLimits",
    "Prosody2VecConverter",
    "UnitEncoderPipeline",
    "average_prosody",
    "build_speaker_encoder",
    "build_vocoder",
    "interpolate_prosody",
    "read_any_audio",
    "read_audio",
    "scale_intensity",
]

_SLOW = {
    "AnyConverter": "espnet2_ext.tasks.any_conversion",
    "EmotionRecogniser": "espnet2_ext.tasks.ser_inference",
    "convert_file": "espnet2_ext.tasks.file_conversion",
}
"""What is imported only when asked for: ESPnet's tasks take seconds."""


def __getattr__(name: str) -> Any:
    """Import what takes seconds only when it is asked for."""
    if name in _SLOW:
        return getattr(import_module(_SLOW[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
