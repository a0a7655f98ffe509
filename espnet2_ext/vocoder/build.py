"""A vocoder from a short text."""

from functools import lru_cache

from espnet2_ext.vocoder.griffin_lim import GriffinLim
from espnet2_ext.vocoder.interface import Vocoder


@lru_cache(maxsize=2)
def build_vocoder(spec: str, device: str = "cpu") -> Vocoder:
    """Return the vocoder that a text names; asked again, the same object.

    Args:
        spec: ``griffin_lim``, or a SpeechBrain HiFi-GAN by hub name
            (``speechbrain/tts-hifigan-libritts-16kHz``) or local directory.
        device: of a HiFi-GAN; Griffin-Lim runs on the CPU.

    Raises:
        ValueError: the text is neither.
    """
    if spec == GriffinLim.name:
        return GriffinLim()
    if "/" not in spec:
        raise ValueError(
            f"vocoder {spec!r}: expected 'griffin_lim', a hub name 'owner/name' or a directory "
            "(write './name' for one in the current directory)"
        )
    from espnet2_ext.vocoder.hifigan import HifiGan

    return HifiGan(spec, device)
