"""From natural-log mels to waveforms: Griffin-Lim and HiFi-GAN behind one interface."""

from espnet2_ext.vocoder.mel import Vocoder
from espnet2_ext.vocoder.vocode import build_vocoder

__all__ = ["Vocoder", "build_vocoder"]
