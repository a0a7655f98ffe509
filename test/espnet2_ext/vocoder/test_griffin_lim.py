"""Griffin-Lim."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from espnet2_ext.metrics.pitch import f0_contour
from espnet2_ext.vocoder.griffin_lim import GriffinLim, invert_mel
from espnet2_ext.vocoder.mel import log_mel, mel_filters


@pytest.mark.parametrize("num_frames", [1, 2, 3, 20])
def test_gives_256_samples_a_frame(num_frames: int) -> None:
    mel = np.random.default_rng(0).normal(-4, 1, (num_frames, 80))
    waveform = GriffinLim(num_iterations=2)(mel)
    assert waveform.shape == (256 * num_frames,)
    assert waveform.dtype == np.float32
    assert np.isfinite(waveform).all()


def test_repeats_itself_and_leaves_the_global_generator_alone() -> None:
    mel = np.random.default_rng(0).normal(-4, 1, (10, 80))
    state = torch.random.get_rng_state()
    first = GriffinLim(num_iterations=3)(mel)
    np.testing.assert_array_equal(first, GriffinLim(num_iterations=3)(mel))
    assert torch.equal(state, torch.random.get_rng_state())


def test_gives_the_mel_and_the_pitch_back(make_pulses: Callable[..., np.ndarray]) -> None:
    pulses = make_pulses(150.0, 1.0)
    mel = log_mel(pulses)
    waveform = GriffinLim()(mel)
    again = log_mel(waveform)[: len(mel)]
    voiced = mel > -8.0  # Below, a vocoder's own noise shows.
    assert np.abs(again - mel)[voiced].mean() < 0.25
    assert f0_contour(waveform).mean_hz == pytest.approx(150.0, rel=0.01)
    distances = [np.abs(log_mel(GriffinLim(n)(mel))[: len(mel)] - mel).mean() for n in (0, 4, 30)]
    assert distances == sorted(distances, reverse=True), "more iterations come nearer"


def test_inversion_is_not_negative_and_fits_the_mel() -> None:
    magnitudes = torch.rand(513, 6, generator=torch.Generator().manual_seed(0))
    mel = mel_filters() @ magnitudes
    inverted = invert_mel(mel)
    assert (inverted >= 0).all()
    error = ((mel_filters() @ inverted - mel).norm() / mel.norm()).item()
    assert error < 0.01
