"""A vocoder from a short text."""

from functools import lru_cache

from espnet2_ext.vocoder.griffin_lim import GriffinLim
from espnet2_ext.vocoder.interface import Vocoder
from espnet2_ext.vocoder.training_files import find_vocoder_files


@lru_cache(maxsize=2)
def build_vocoder(spec: str, device: str = "cpu") -> Vocoder:
    """Return the vocoder that a text names; asked again, the same object.

    Args:
        spec: ``griffin_lim``; a SpeechBrain HiFi-GAN by hub name
            (``speechbrain/tts-hifigan-libritts-16kHz``) or local directory; or a HiFi-GAN
            trained here (``exp/voc_<tag>``, or one of its files of weights).
        device: of a HiFi-GAN; Griffin-Lim runs on the CPU.

    Raises:
        ValueError: the text is none of these.
    """
    if spec == GriffinLim.name:
        return GriffinLim()
    if "/" not in spec:
        raise ValueError(
            f"vocoder {spec!r}: expected 'griffin_lim', a hub name 'owner/name' or a directory "
            "(write './name' for one in the current directory)"
        )
    if find_vocoder_files(spec) is not None:
        from espnet2_ext.vocoder.trained_hifigan import TrainedHifiGan

        return TrainedHifiGan(spec, device)
    from espnet2_ext.vocoder.hifigan import HifiGan

    return HifiGan(spec, device)
