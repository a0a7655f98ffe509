"""What every vocoder here takes and returns."""

from typing import Protocol

import numpy as np

from espnet2_ext.vocoder.mel import MEL_DIM


class Vocoder(Protocol):
    """A function from a mel-spectrogram to speech.

    Attributes:
        name: the text that ``build_vocoder`` made it from; goes into result tables.
    """

    name: str

    def __call__(self, mel: np.ndarray) -> np.ndarray:
        """Return the waveform (256 * T,) float32 at 16 kHz of a mel (T, 80).

        Args:
            mel: natural-log magnitudes as ``log_mel`` makes them.

        Raises:
            ValueError: the mel has another shape, or values that are not finite.
        """
        ...


def check_mel(mel: np.ndarray) -> np.ndarray:
    """Return the mel (T, 80) as float32.

    Raises:
        ValueError: the shape is another one, T is 0, or a value is not finite.
    """
    mel = np.asarray(mel, dtype=np.float32)
    if mel.ndim != 2 or mel.shape[1] != MEL_DIM or len(mel) == 0:
        raise ValueError(f"a vocoder takes a mel of shape (frames, {MEL_DIM}), got {mel.shape}")
    if not np.isfinite(mel).all():
        raise ValueError("the mel holds values that are not finite; check the model's output")
    return mel
