import numpy as np
import pytest
import soundfile
import torch

from espnet2_ext.conversion import converter as module
from espnet2_ext.conversion.converter import (
    ConversionRequest,
    Prosody2VecConverter,
    average_prosody,
    prosody_vectors,
    scale_intensity,
    untrained_encoder,
    weighted_prosody,
)
from espnet2_ext.data.audio import AudioError
from espnet2_ext.prosody2vec.decoding import GenerationLimits

# ---------------------------------------------------------------- converter


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


# ---------------------------------------------------------------- prosody mix

START, END = np.array([1.0, -2.0], np.float32), np.array([3.0, 0.1], np.float32)


def test_golden_values():
    np.testing.assert_allclose(average_prosody([START, END, START]), [5 / 3, -1.3], rtol=1e-6)
    np.testing.assert_allclose(scale_intensity(START, END, 0.25), [1.5, -1.475], rtol=1e-6)
    np.testing.assert_allclose(scale_intensity(START, END, 2.0), [5.0, 2.2], rtol=1e-6)
    np.testing.assert_allclose(scale_intensity(START, END, -1.0), [-1.0, -4.1], rtol=1e-6)
    scaled = weighted_prosody([(START, -0.5), (END, 1.5)])
    np.testing.assert_array_equal(scaled, scale_intensity(START, END, 1.5))
    # Single precision, and the ends to the bit.
    assert scale_intensity(START, END, 0.0).tobytes() == START.tobytes()
    assert scale_intensity(START, END, 1.0).tobytes() == END.tobytes()
    assert average_prosody([END]).tobytes() == END.tobytes()


def test_refuses_what_cannot_be_mixed():
    with pytest.raises(ValueError, match="no prosody vectors"):
        average_prosody([])
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\) cannot be mixed"):
        average_prosody([START, np.zeros(3)])
    with pytest.raises(ValueError, match="one-dimensional"):
        scale_intensity(np.zeros((1, 2)), np.zeros((1, 2)), 0.5)
    with pytest.raises(ValueError, match="must be finite"):
        weighted_prosody([(START, float("nan"))])
    for intensity in (50.0, -3.1, float("nan")):
        with pytest.raises(ValueError, match=f"intensity {intensity:g}: must lie in -3 to 3"):
            scale_intensity(START, END, intensity)


# ---------------------------------------------------------------- prosody vectors


@pytest.fixture
def model(make_model):
    return make_model().eval()


@pytest.fixture
def wavs(tmp_path):
    """Return five files, not in order of length."""
    generator = np.random.default_rng(0)
    paths = []
    for number, samples in enumerate((4000, 2600, 5000, 3100, 4400)):
        paths.append(str(tmp_path / f"{number}.wav"))
        soundfile.write(paths[-1], 0.1 * generator.standard_normal(samples), 16000)
    return paths


def test_vectors_are_those_of_each_file_alone_and_of_each_encoder(model, wavs, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_SIZE", 3)
    encoders = {"own": model.prosody_encoder, "fresh": untrained_encoder(model.prosody_encoder)}
    vectors = prosody_vectors(model, encoders, wavs, batch_size=2)
    assert vectors["own"].shape == (5, 5)
    assert np.abs(vectors["own"] - vectors["fresh"]).max() > 0.01
    converter = Prosody2VecConverter(model)
    for wav, vector in zip(wavs, vectors["own"], strict=True):
        alone = converter.prosody_embeddings([soundfile.read(wav, dtype="float32")[0]])[0]
        np.testing.assert_allclose(vector, alone.numpy(), atol=1e-5)


def test_untrained_weights_depend_on_the_seed_alone(model):
    encoder = model.prosody_encoder
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first = untrained_encoder(encoder, seed=1).state_dict()
    # The draw leaves the caller's own random numbers alone.
    assert torch.equal(torch.rand(1), expected)
    with torch.no_grad():
        for value in encoder.state_dict().values():
            value.add_(1)  # batch normalisation's running means among them
    again = untrained_encoder(encoder, seed=1)
    assert not again.training
    assert again.state_dict().keys() == first.keys()
    assert all(torch.equal(value, first[name]) for name, value in again.state_dict().items())
    other = untrained_encoder(encoder, seed=2).state_dict()
    assert not torch.equal(other["projection.weight"], first["projection.weight"])
    means = [value for name, value in first.items() if name.endswith("running_mean")]
    assert means and all((mean == 0).all() for mean in means)


def test_errors_name_the_module_or_the_file(model, wavs, tmp_path):
    odd = torch.nn.Module()
    odd.weight = torch.nn.Parameter(torch.ones(2))
    with pytest.raises(ValueError, match="Module: its weights cannot be drawn anew"):
        untrained_encoder(odd)
    encoders = {"own": model.prosody_encoder}
    with pytest.raises(AudioError, match="none.wav: no such file"):
        prosody_vectors(model, encoders, ["none.wav"])
    soundfile.write(tmp_path / "short.wav", np.zeros(300), 16000)
    with pytest.raises(ValueError, match="short.wav: an utterance of 300 samples is too short"):
        prosody_vectors(model, encoders, [*wavs, str(tmp_path / "short.wav")])
