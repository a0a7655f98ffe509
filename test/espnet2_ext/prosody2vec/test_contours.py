"""Contours of an utterance, and relative to the speaker in a batch."""

import math

import numpy as np
import pytest
import torch

from espnet2_ext.metrics.pitch import F0Contour
from espnet2_ext.prosody2vec.contours import (
    LEVEL_LIMITS,
    PITCH_LIMIT,
    clean_f0,
    f0_at,
    make_contours,
    relative_contours,
    revoiced,
    summarise,
    unit_prosody,
)

HOP = 256


def test_contours_of_a_tone(make_pulses) -> None:
    waveform = np.concatenate([np.zeros(8000), make_pulses(150, 1.0), np.zeros(8000)])
    mel = np.log(np.tile([1.0, 3.0], (32000 // HOP + 1, 1)))
    contours = make_contours(waveform, mel, HOP, "dio")
    assert contours.shape == (126, 3) and contours.dtype == np.float32
    assert not contours[:25, :2].any() and not contours[-20:, :2].any()
    np.testing.assert_allclose(np.exp(contours[40:85, 0]), 150, rtol=0.01)
    assert contours[40:85, 1].all()
    np.testing.assert_allclose(contours[:, 2], math.log(2.0), rtol=1e-6)


def test_outliers_of_pitch_are_unvoiced(make_pulses) -> None:
    parts = [make_pulses(100, 1.0), np.zeros(4000), make_pulses(400, 0.3), np.zeros(4000)]
    contours = make_contours(np.concatenate(parts), np.zeros((113, 2)), HOP, "dio")
    assert contours[10:50, 1].all() and not contours[70:, :2].any()


def test_too_short_for_a_tracker_is_unvoiced() -> None:
    contours = make_contours(np.zeros(600), np.zeros((3, 2)), HOP, "dio")
    assert not contours.any()


def test_the_nearest_frame_of_the_tracker_counts() -> None:
    contour = F0Contour(np.array([0.1, 0.2, 0.3]), np.array([100.0, 0.0, 300.0]))
    centres_s = np.array([0.0, 0.14, 0.16, 0.26, 0.9])
    assert f0_at(contour, centres_s).tolist() == [100, 100, 0, 300, 300]


def test_cleaning_by_hand() -> None:
    low, high = 100 * math.exp(-PITCH_LIMIT), 100 * math.exp(PITCH_LIMIT)
    f0_hz = np.array([100.0, 0, 100, 100, 0, 100, 1.01 * high, 100, 100, 0.99 * high, 1.01 * low])
    f0_hz = np.concatenate([f0_hz, [0.99 * low], np.full(6, 100.0)])
    kept = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    assert (clean_f0(f0_hz) > 0).tolist() == [bool(each) for each in kept]
    np.testing.assert_array_equal(clean_f0(f0_hz)[7:11], f0_hz[7:11])
    outliers = np.flatnonzero((clean_f0(f0_hz, min_run_frames=1) > 0) != (f0_hz > 0))
    assert outliers.tolist() == [6, 11]
    assert clean_f0(np.zeros(3)).tolist() == [0, 0, 0]
    assert clean_f0(np.zeros(0)).shape == (0,)


def test_summary_by_hand() -> None:
    level = np.full(60, -9.0)
    level[10:50] = np.log(
        1.0 + np.sin(np.arange(40) * 2 * np.pi / 10 - 0.5) * 0.9
    )  # four syllables
    contours = np.zeros((60, 3))
    contours[:, 2] = level
    contours[20:25, :2] = [[math.log(f0), 1] for f0 in (100, 100, 200, 400, 400)]
    prosody = summarise(contours)
    assert prosody.log_f0 == pytest.approx(math.log(200))
    assert prosody.voiced_frames == 5
    assert prosody.level == pytest.approx(math.log(np.exp(level).mean()))
    assert math.exp(prosody.log_rate) == pytest.approx(4 / 40)
    contours[22:, :2] = 0
    assert math.isnan(summarise(contours).log_f0)  # fewer than four voiced frames


def test_relative_contours() -> None:
    f0_hz = torch.tensor([[1.0, 100.0, 200.0, 1000.0, 50.0]])
    voicing = (f0_hz > 1).float()
    levels = torch.tensor([[1.0, 2.0, 9.0, -9.0, 1.0]])
    contours = torch.stack([f0_hz.log(), voicing, levels], dim=2)
    mask = torch.tensor([[True, True, True, True, False]])
    statistics = torch.tensor([[math.log(100.0), 1.0, 7.0]])
    pitch, voicing, level = relative_contours(contours, statistics, mask).unbind(2)
    assert pitch[0].tolist() == pytest.approx([0, 0, math.log(2), PITCH_LIMIT, 0])
    assert voicing[0].tolist() == [0, 1, 1, 1, 0]
    assert level[0].tolist() == pytest.approx([0, 1, LEVEL_LIMITS[1], LEVEL_LIMITS[0], 0])


def test_blurred_voicing_is_sharp_again() -> None:
    contours = torch.tensor([[[0.2, 0.4, 1.0], [0.3, 0.6, 2.0]]])
    assert revoiced(contours)[0].flatten().tolist() == pytest.approx([0, 0, 1.0, 0.3, 1, 2.0])


def test_unit_prosody_by_hand() -> None:
    contours = torch.tensor(
        [[[0.0, 0, 1.0], [0.4, 1, 2.0], [0.2, 1, 3.0], [0.0, 0, 5.0], [9.0, 1, 9.0]]]
    )
    unit_of_frame = torch.tensor([[0, 0, 0, 2, -1]])
    prosody = unit_prosody(contours, unit_of_frame, 3)
    assert prosody.pitch[0].tolist() == pytest.approx([0.3, 0, 0])
    assert prosody.voicing[0].tolist() == pytest.approx([2 / 3, 0, 0])
    assert prosody.level[0].tolist() == pytest.approx([2, 0, 5])
    assert prosody.frames[0].tolist() == [3, 0, 1]
