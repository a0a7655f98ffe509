"""What a vocoder loses of speech whose true mel it is given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.metrics.mel_cepstral_distortion import mel_cepstral_distortion
from espnet2_ext.vocoder.mel import log_mel


@dataclass(frozen=True)
class ResynthesisScore:
    """Of one utterance.

    Attributes:
        mcd_db: definition ``paper``, warped.
        log_mel_error: mean over frames and bands of the distance of natural-log mels.
    """

    mcd_db: float
    log_mel_error: float


def score_resynthesis(waveform: np.ndarray, original: np.ndarray) -> ResynthesisScore:
    """Return the scores of a resynthesis against the speech that its mel was of.

    Args:
        waveform: (256 * T,) of the vocoder; what lies past the original's end is left out.
        original: (N,) at 16 kHz, T = N // 256 + 1.

    Raises:
        ValueError: the resynthesis is shorter than the original, or this too short for a mel.
    """
    if len(waveform) < len(original):
        raise ValueError(f"resynthesis of {len(waveform)} samples, original of {len(original)}")
    waveform = waveform[: len(original)]
    difference = np.abs(log_mel(waveform) - log_mel(original))
    return ResynthesisScore(
        mcd_db=mel_cepstral_distortion(waveform, original),
        log_mel_error=float(difference.mean(dtype=np.float64)),
    )


def score_resynthesis_files(
    pairs: Sequence[tuple[str, str]], num_workers: int = 1
) -> list[ResynthesisScore]:
    """Return the scores of files of resynthesis and original, in their order.

    Args:
        pairs: paths.
        num_workers: processes.

    Raises:
        ValueError: a file cannot be scored; the message names it.
    """
    return list(
        parallel_map(
            _score_files,
            pairs,
            description="score",
            num_workers=num_workers,
            initializer=torch.set_num_threads if num_workers > 1 else None,
            initializer_arguments=(1,) if num_workers > 1 else (),
            # Torch's threads do not survive a fork.
            start_method="spawn",
        )
    )


def _score_files(pair: tuple[str, str]) -> ResynthesisScore:
    made, original = pair
    try:
        return score_resynthesis(read_audio(made), read_audio(original))
    except ValueError as error:
        raise ValueError(f"{made}: {error}") from error
