"""Conversion with prosody given as a waveform or as a vector."""

import numpy as np
import pytest

from espnet2_ext.conversion.converter import ConversionRequest, Prosody2VecConverter
from espnet2_ext.prosody2vec.decoding import GenerationLimits


@pytest.fixture
def converter(make_model):
    return Prosody2VecConverter(make_model(2), GenerationLimits(max_frames_per_unit=4.0))


def test_a_vector_says_what_its_waveform_says_alone_and_in_a_mixed_batch(converter):
    generator = np.random.default_rng(0)
    waves = [0.1 * generator.standard_normal(size) for size in (4000, 6000)]
    units, voice = np.array([1, 2, 3]), np.ones(3)
    heard = [converter.convert([ConversionRequest(units, wave, voice)])[0] for wave in waves]
    assert not np.allclose(heard[0].mel, heard[1].mel, atol=1e-4)
    vector = converter.prosody_embeddings(waves[1:])[0].numpy()
    requests = [
        ConversionRequest(units, waves[0], voice),
        ConversionRequest(units, None, voice, prosody_embedding=vector),
    ]
    for expected, conversion in zip(heard, converter.convert(requests), strict=True):
        np.testing.assert_allclose(conversion.mel, expected.mel, atol=1e-4)
    [alone] = converter.convert(requests[1:])
    np.testing.assert_allclose(alone.mel, heard[1].mel, atol=1e-4)


def test_refuses_two_prosodies_none_and_a_vector_of_another_model(converter):
    units, voice = np.array([1]), np.ones(3)
    with pytest.raises(ValueError, match="either a prosody waveform or"):
        ConversionRequest(units, None, voice)
    with pytest.raises(ValueError, match="either a prosody waveform or"):
        ConversionRequest(units, np.zeros(4000), voice, np.zeros(5))
    request = ConversionRequest(units, None, voice, np.zeros(6))
    with pytest.raises(ValueError, match=r"shape \(6,\): this model takes \(5,\)"):
        converter.convert([request])
