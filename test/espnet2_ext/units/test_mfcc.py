"""MFCC: shapes, what they ignore, and their settings."""

import numpy as np
import pytest

from espnet2_ext.units.features import MfccFeatures

FLOAT32_TOLERANCE = 2e-3  # of values with variance about 1, after a logarithm


def noise(num_samples, seed=0):
    """Noise whose loudness and colour change every 50 ms."""
    generator = np.random.default_rng(seed)
    white = generator.standard_normal(num_samples + 1)
    colour = np.repeat(generator.uniform(-0.9, 0.9, num_samples // 800 + 1), 800)[:num_samples]
    loudness = np.repeat(generator.uniform(0.02, 0.2, num_samples // 800 + 1), 800)[:num_samples]
    return (loudness * (white[1:] + colour * white[:-1])).astype(np.float32)


@pytest.mark.parametrize("num_samples", [1024, 1279, 1280, 16000, 16001])
def test_shape(num_samples):
    features = MfccFeatures()(noise(num_samples))
    assert features.shape == (num_samples // 320 + 1, 36)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_normalised_per_utterance():
    features = MfccFeatures(lifter_exponent=0.0, delta_weight=2.0)(noise(32000))
    assert np.allclose(features.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(features.std(axis=0), np.repeat([1.0, 2.0, 0.5], 12), atol=1e-3)


def test_lifter_weights():
    spread = MfccFeatures(lifter_exponent=1.0)(noise(32000)).std(axis=0)
    weights = 1.0 / np.arange(1, 13)
    assert np.allclose(spread[:12], weights / np.sqrt((weights**2).mean()), atol=1e-3)


def test_loudness_is_ignored():
    waveform, features = noise(16000), MfccFeatures()
    assert np.abs(features(waveform) - features(0.1 * waveform)).max() < FLOAT32_TOLERANCE


def test_a_fixed_filter_is_ignored_by_and_large():
    waveform, features = noise(32000), MfccFeatures()
    filtered = np.convolve(waveform, [1.0, -0.5], mode="same").astype(np.float32)
    a, b = features(waveform).ravel(), features(filtered).ravel()
    assert np.corrcoef(a, b)[0, 1] > 0.95


def test_frames_are_centred_every_20_ms():
    waveform = np.full(16000, 1e-4, np.float32) * noise(16000)
    waveform[320 * 20 - 160 : 320 * 20 + 160] += noise(320, seed=1)
    loudest = MfccFeatures(smoothing_frames=1)(waveform)[:, :12]
    assert np.abs(loudest).sum(axis=1).argmax() in (19, 20, 21)


def test_smoothing_is_a_mean_of_neighbours():
    import torch

    coefficients = torch.tensor([[0.0, 3.0, 6.0, 0.0]])
    smooth = MfccFeatures(smoothing_frames=3)._smooth(coefficients)
    assert smooth.tolist() == [[1.0, 3.0, 3.0, 2.0]]


def test_silence_is_finite():
    assert np.abs(MfccFeatures()(np.zeros(8000, np.float32))).max() < 1.0


def test_deterministic_and_without_side_effects():
    waveform, features = noise(8000), MfccFeatures()
    before = waveform.copy()
    assert np.array_equal(features(waveform), MfccFeatures()(waveform))
    assert np.array_equal(waveform, before)


def test_settings_name_every_argument():
    settings = MfccFeatures(num_mels=23).settings
    assert "num_mels=23" in settings and "self" not in settings
    assert settings != MfccFeatures().settings
    assert MfccFeatures().settings == MfccFeatures().settings


def test_too_short():
    with pytest.raises(ValueError, match=r"1023 samples are too short for mfcc \(needs 1024\)"):
        MfccFeatures()(noise(1023))
    with pytest.raises(ValueError, match="needs 257"):
        MfccFeatures(window_ms=10.0)(noise(256))


def test_bad_settings():
    with pytest.raises(ValueError, match="odd"):
        MfccFeatures(smoothing_frames=2)
    with pytest.raises(ValueError, match="2 to 40, got 41"):
        MfccFeatures(num_coefficients=41)
