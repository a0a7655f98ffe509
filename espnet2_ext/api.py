"""What a Python user imports; everything else may move.

Example:
    >>> from espnet2_ext.api import Prosody2VecConverter, UnitEncoderPipeline, read_audio
"""

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, AudioError, read_audio
from espnet2_ext.prosody2vec.contrast import Contrast
from espnet2_ext.prosody2vec.converter import Conversion, ConversionRequest, Prosody2VecConverter
from espnet2_ext.prosody2vec.generation import GenerationLimits
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
    "build_speaker_encoder",
    "build_vocoder",
    "read_audio",
]


def __getattr__(name: str) -> type:
    """Import what takes seconds (ESPnet's tasks) only when it is asked for."""
    if name == "EmotionRecogniser":
        from espnet2_ext.tasks.ser_inference import EmotionRecogniser

        return EmotionRecogniser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
