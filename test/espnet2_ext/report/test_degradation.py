"""Noise and rooms: ratios and decays by other arithmetic."""

import numpy as np
import pytest

from espnet2_ext.data.audio import to_int16
from espnet2_ext.report.damage import (
    FULL_SCALE,
    active_samples,
    add_noise,
    babble,
    reverberate,
    room_response,
)

ALTERNATING = np.tile([1.0, -1.0], 1600)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def half_spoken(level: float = 0.1) -> np.ndarray:
    """Return 0.1 s of a constant and 0.1 s of nothing."""
    return np.repeat([level, 0.0], 1600)


def test_speech_is_where_frames_are_within_30_db_of_the_strongest() -> None:
    # The last frame with sound begins at 1440, half of it in the pause.
    np.testing.assert_array_equal(active_samples(half_spoken()), np.arange(3200) < 1760)
    soft = np.repeat([1.0, 0.04, 0.0, 0.02], 3200)  # -28 dB counts, -34 dB does not
    is_active = active_samples(soft)
    assert is_active[:6400].all()
    assert not is_active[6720:].any()


def test_a_waveform_shorter_than_a_frame_is_one_frame() -> None:
    assert active_samples(np.array([0.0, 0.5])).tolist() == [True, True]


def test_noise_has_the_level_that_the_ratio_says() -> None:
    noisy = add_noise(np.full(3200, 0.2), 5.0 * ALTERNATING, 20.0)
    np.testing.assert_allclose(noisy, 0.2 + 0.02 * ALTERNATING, atol=1e-7)
    assert noisy.dtype == np.float32


@pytest.mark.parametrize("snr_db", [30.0, 7.0, 0.0, -5.0])
def test_the_ratio_is_exact_over_speech_whatever_is_in_the_pause(snr_db: float) -> None:
    speech = half_spoken(0.01)
    noise = generator().standard_normal(3200)
    noise[2000:] *= 10.0
    added = add_noise(speech, noise, snr_db).astype(np.float64) - speech
    is_active = np.arange(3200) < 1760
    ratio = np.square(speech[is_active]).sum() / np.square(added[is_active]).sum()
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=1e-3)
    # One gain for all of the noise.
    np.testing.assert_allclose(added / noise, np.full(3200, (added / noise)[0]), rtol=1e-3)


def test_loud_mixtures_are_made_quieter_and_not_clipped() -> None:
    noisy = add_noise(np.full(3200, 0.9), ALTERNATING, 0.0)
    np.testing.assert_allclose(noisy, np.tile([FULL_SCALE, 0.0], 1600), atol=1e-7)
    assert to_int16(noisy).max() == 32767
    assert to_int16(add_noise(np.full(3200, -0.9), ALTERNATING, 0.0)).min() == -32767


def test_noise_is_refused_where_no_ratio_exists() -> None:
    with pytest.raises(ValueError, match=r"no speech in a waveform of shape \(3200,\)"):
        add_noise(np.zeros(3200), ALTERNATING, 10.0)
    with pytest.raises(ValueError, match=r"no speech in a waveform of shape \(0,\)"):
        active_samples(np.zeros(0))
    with pytest.raises(ValueError, match=r"no speech in a waveform of shape \(2, 9\)"):
        active_samples(np.ones((2, 9)))
    with pytest.raises(ValueError, match=r"speech \(3200,\) and noise \(3199,\) differ"):
        add_noise(half_spoken(), ALTERNATING[1:], 10.0)
    with pytest.raises(ValueError, match="the noise is silent where there is speech"):
        add_noise(half_spoken(), half_spoken()[::-1] * (np.arange(3200) > 1760), 10.0)


def test_talkers_of_a_babble_are_equally_loud() -> None:
    noise = babble([np.full(500, 0.5), np.full(400, -0.01)], 1200, generator())
    np.testing.assert_allclose(noise, np.zeros(1200), atol=1e-12)
    np.testing.assert_allclose(babble([np.full(500, 0.5)] * 3, 1200, generator()), 3.0)


def test_a_talker_begins_anywhere_and_goes_on_for_ever() -> None:
    utterance = np.arange(1.0, 101.0)
    first, second = (babble([utterance], 250, generator(seed)) for seed in (0, 1))
    np.testing.assert_allclose(first[:100], first[100:200])
    assert sorted(first[:100]) == pytest.approx(np.sort(utterance) / np.sqrt(3383.5))
    assert first[0] != second[0]


def test_babble_needs_talkers_who_say_something() -> None:
    with pytest.raises(ValueError, match="babble needs at least one utterance"):
        babble([], 100, generator())
    with pytest.raises(ValueError, match="no speech"):
        babble([np.zeros(100)], 100, generator())


@pytest.mark.parametrize("rt60_s", [0.3, 0.6])
def test_a_room_decays_by_60_db_in_rt60(rt60_s: float) -> None:
    response = room_response(rt60_s, generator())
    assert len(response) == round(16000 * rt60_s) + 1
    assert response[0] == 1.0
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
    gain = echoing[0] / expected[0]
    np.testing.assert_allclose(echoing, gain * expected, atol=1e-6)
    assert np.square(echoing[:1760]).mean() == pytest.approx(np.square(speech[:1760]).mean())
    assert np.abs(echoing[1600:1700]).max() > 1e-3  # The pause is not silent any more.


def test_reverberant_speech_is_not_clipped() -> None:
    loud = reverberate(0.999 * ALTERNATING, 0.1, generator())
    assert np.abs(loud).max() == pytest.approx(FULL_SCALE)


def test_rooms_are_refused_that_are_none() -> None:
    for rt60_s in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="must be above 0.001 s"):
            room_response(rt60_s, generator())
    with pytest.raises(ValueError, match="no speech"):
        reverberate(np.zeros(100), 0.3, generator())
