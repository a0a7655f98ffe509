"""From natural-log mels to waveforms: Griffin-Lim and HiFi-GAN behind one interface."""

from espnet2_ext.vocoder.build import build_vocoder
from espnet2_ext.vocoder.interface import Vocoder

__all__ = ["Vocoder", "build_vocoder"]
