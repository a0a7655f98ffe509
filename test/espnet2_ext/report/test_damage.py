"""Damaged units by hand and by what must hold of any; noise and rooms by other arithmetic."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.data.audio import to_int16
from espnet2_ext.report.damage import (
    FULL_SCALE,
    active_samples,
    add_noise,
    babble,
    drop_units,
    replace_units,
    reverberate,
    room_response,
)

UNITS = np.array([7, 2, 7, 5, 0, 1])
RUN_LENGTHS = np.array([3, 1, 1, 2, 4, 1])
ALTERNATING = np.tile([1.0, -1.0], 1600)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class FixedGenerator:
    """Damages the given positions in turn; draws the first unit there is."""

    def __init__(self, *order: int) -> None:
        self.order = order

    def permutation(self, length: int) -> np.ndarray:
        return np.array([*self.order, *(i for i in range(length) if i not in self.order)])

    def choice(self, values: np.ndarray) -> int:
        return values[0]


def random_sequence(seed: int, length: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return units of 9 without repeats, and durations."""
    drawn = generator(seed)
    return np.cumsum(drawn.integers(1, 9, length)) % 9, drawn.integers(1, 6, length)


def test_replaced_units_are_none_of_the_three_around() -> None:
    units, run_lengths = replace_units(UNITS, RUN_LENGTHS, 0.5, 8, FixedGenerator(4, 1, 0))
    # In the order of time: 0 is beside 2, then 1 between 0 and 7 (no 2), then 4 between 5 and 1.
    assert units.tolist() == [0, 1, 7, 5, 2, 1]
    assert run_lengths.tolist() == RUN_LENGTHS.tolist()
    # The smallest codebook leaves one choice.
    assert replace_units([0, 1, 2], [1] * 3, 1 / 3, 4, FixedGenerator(1))[0].tolist() == [0, 3, 2]


@pytest.mark.parametrize(("share", "number"), [(0.0, 0), (0.1, 6), (0.175, 11), (1.0, 60)])
def test_the_number_of_replaced_units_is_exact_and_nothing_repeats(share, number) -> None:
    """Halves are rounded up; a larger share damages the same units and more."""
    units, run_lengths = random_sequence(0)
    damaged, lengths = replace_units(units, run_lengths, share, 9, generator(1))
    assert (damaged != units).sum() == number
    assert (np.diff(damaged) != 0).all() and 0 <= damaged.min() <= damaged.max() < 9
    np.testing.assert_array_equal(lengths, run_lengths)
    more, _ = replace_units(units, run_lengths, min(share + 0.2, 1.0), 9, generator(1))
    assert (more != units)[damaged != units].all()


@pytest.mark.parametrize(
    ("order", "units", "run_lengths"),
    [
        ((3,), [7, 2, 7, 0, 1], [3, 1, 3, 4, 1]),  # frames go to the one before
        ((1,), [7, 5, 0, 1], [5, 2, 4, 1]),  # neighbours that become equal are one
        ((0, 1), [7, 5, 0, 1], [5, 2, 4, 1]),  # frames of the first go to the one after
    ],
)
def test_a_dropped_unit_leaves_its_frames(order, units, run_lengths) -> None:
    share = len(order) / 6
    left, lengths = drop_units(UNITS, RUN_LENGTHS, share, FixedGenerator(*order))
    assert (left.tolist(), lengths.tolist()) == (units, run_lengths)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.9])
def test_dropping_keeps_the_frames_and_nothing_repeats(share: float) -> None:
    units, run_lengths = random_sequence(2)
    left, lengths = drop_units(units, run_lengths, share, generator(3))
    assert lengths.sum() == run_lengths.sum()
    assert len(left) <= 60 - round(share * 60)
    assert (np.diff(left) != 0).all()


def half_spoken(level: float = 0.1) -> np.ndarray:
    """Return 0.1 s of a constant and 0.1 s of nothing."""
    return np.repeat([level, 0.0], 1600)


def test_speech_is_where_frames_are_within_30_db_of_the_strongest() -> None:
    # The last frame with sound begins at 1440, half of it in the pause.
    np.testing.assert_array_equal(active_samples(half_spoken()), np.arange(3200) < 1760)
    is_active = active_samples(np.repeat([1.0, 0.04, 0.0, 0.02], 3200))  # -28 dB, -34 dB
    assert is_active[:6400].all() and not is_active[6720:].any()
    assert active_samples(np.array([0.0, 0.5])).tolist() == [True, True]  # shorter than a frame


@pytest.mark.parametrize("snr_db", [30.0, 7.0, 0.0, -5.0])
def test_the_ratio_is_exact_over_speech_whatever_is_in_the_pause(snr_db: float) -> None:
    speech = half_spoken(0.01)
    noise = generator().standard_normal(3200)
    noise[2000:] *= 10.0
    noisy = add_noise(speech, noise, snr_db)
    added = noisy.astype(np.float64) - speech
    is_active = np.arange(3200) < 1760
    ratio = np.square(speech[is_active]).sum() / np.square(added[is_active]).sum()
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=1e-3)
    # One gain for all of the noise.
    np.testing.assert_allclose(added / noise, np.full(3200, (added / noise)[0]), rtol=1e-3)
    assert noisy.dtype == np.float32


def test_loud_mixtures_are_attenuated_and_not_clipped() -> None:
    noisy = add_noise(np.full(3200, 0.9), ALTERNATING, 0.0)
    np.testing.assert_allclose(noisy, np.tile([FULL_SCALE, 0.0], 1600), atol=1e-7)
    assert to_int16(noisy).max() == 32767
    assert to_int16(add_noise(np.full(3200, -0.9), ALTERNATING, 0.0)).min() == -32767
    loud = reverberate(0.999 * ALTERNATING, 0.1, generator())
    assert np.abs(loud).max() == pytest.approx(FULL_SCALE)


def test_talkers_of_a_babble_are_equally_loud_and_begin_anywhere() -> None:
    noise = babble([np.full(500, 0.5), np.full(400, -0.01)], 1200, generator())
    np.testing.assert_allclose(noise, np.zeros(1200), atol=1e-12)
    np.testing.assert_allclose(babble([np.full(500, 0.5)] * 3, 1200, generator()), 3.0)
    utterance = np.arange(1.0, 101.0)
    first, second = (babble([utterance], 250, generator(seed)) for seed in (0, 1))
    np.testing.assert_allclose(first[:100], first[100:200])
    assert sorted(first[:100]) == pytest.approx(np.sort(utterance) / np.sqrt(3383.5))
    assert first[0] != second[0]


def test_a_room_decays_by_60_db_in_rt60(rt60_s: float = 0.4) -> None:
    response = room_response(rt60_s, generator())
    assert (len(response), response[0]) == (round(16000 * rt60_s) + 1, 1.0)
    assert np.square(response[1:]).sum() == pytest.approx(1.0)
    # Schroeder: the energy still to come falls on a line, here from -5 to -25 dB.
    to_come = np.cumsum(np.square(response[:0:-1]))[::-1]
    decay_db = 10 * np.log10(to_come / to_come[0])
    fitted = np.flatnonzero((decay_db < -5) & (decay_db > -25))
    slope_db_per_s = np.polyfit(fitted / 16000, decay_db[fitted], 1)[0]
    assert -60 / slope_db_per_s == pytest.approx(rt60_s, rel=0.05)


def test_reverberant_speech_is_the_convolution_as_loud_as_before() -> None:
    speech = half_spoken(0.05) * ALTERNATING
    echoing = reverberate(speech, 0.02, generator(3)).astype(np.float64)
    expected = np.convolve(speech, room_response(0.02, generator(3)))[:3200]
    np.testing.assert_allclose(echoing, echoing[0] / expected[0] * expected, atol=1e-6)
    assert np.square(echoing[:1760]).mean() == pytest.approx(np.square(speech[:1760]).mean())
    assert np.abs(echoing[1600:1700]).max() > 1e-3  # The pause is not silent any more.


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: replace_units(UNITS, RUN_LENGTHS, 0.5, 7, generator()), "not of a codebook of 7"),
        (lambda: drop_units(UNITS, RUN_LENGTHS, 1.0, generator()), "1 of 6 units leaves none"),
        (lambda: drop_units(UNITS, RUN_LENGTHS[1:], 0.5, generator()), r"6.* but .*5,.* durations"),
        (lambda: add_noise(np.zeros(3200), ALTERNATING, 10.0), "no speech, every sample is 0"),
        (lambda: add_noise(half_spoken(), np.repeat([0.0, 0.0, 1.0], [1600, 1000, 600]), 10.0),
         "the noise is silent where there is speech"),
        (lambda: babble([np.zeros(100)], 100, generator()), "no speech"),
    ],
)  # fmt: skip
def test_refuses(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
