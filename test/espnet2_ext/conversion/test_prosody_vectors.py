"""Prosody vectors of files, and an encoder that was never trained."""

import numpy as np
import pytest
import soundfile
import torch

from espnet2_ext.conversion import converter as module
from espnet2_ext.conversion.converter import (
    Prosody2VecConverter,
    prosody_vectors,
    untrained_encoder,
)
from espnet2_ext.data.audio import AudioError


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


def test_vectors_are_those_of_each_file_alone(model, wavs, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_SIZE", 3)
    vectors = prosody_vectors(model, {"own": model.prosody_encoder}, wavs, batch_size=2)["own"]
    assert vectors.shape == (5, 5)
    converter = Prosody2VecConverter(model)
    for wav, vector in zip(wavs, vectors, strict=True):
        alone = converter.prosody_embeddings([soundfile.read(wav, dtype="float32")[0]])[0]
        np.testing.assert_allclose(vector, alone.numpy(), atol=1e-5)


def test_several_encoders_hear_the_same(model, wavs):
    encoders = {"own": model.prosody_encoder, "fresh": untrained_encoder(model.prosody_encoder)}
    both = prosody_vectors(model, encoders, wavs)
    alone = prosody_vectors(model, {"fresh": encoders["fresh"]}, wavs)
    np.testing.assert_array_equal(both["fresh"], alone["fresh"])
    assert np.abs(both["own"] - both["fresh"]).max() > 0.01


def test_untrained_weights_depend_on_the_seed_alone(model):
    encoder = model.prosody_encoder
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first = untrained_encoder(encoder, seed=1).state_dict()
    # The draw leaves the caller's own random numbers alone.
    assert torch.equal(torch.rand(1), expected)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(1.0)
        for module_ in encoder.modules():
            if isinstance(module_, torch.nn.BatchNorm1d):
                module_.running_mean.fill_(3.0)
    again = untrained_encoder(encoder, seed=1)
    assert not again.training
    assert all(torch.equal(value, first[name]) for name, value in again.state_dict().items())
    other = untrained_encoder(encoder, seed=2).state_dict()
    assert not torch.equal(other["projection.weight"], first["projection.weight"])
    assert {name: value.shape for name, value in first.items()} == {
        name: value.shape for name, value in before.items()
    }
    means = [value for name, value in first.items() if name.endswith("running_mean")]
    assert means and all((mean == 0).all() for mean in means)


def test_weights_that_cannot_be_drawn_anew():
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(2))

    with pytest.raises(ValueError, match="Odd: its weights cannot be drawn anew"):
        untrained_encoder(Odd())


def test_errors(model, wavs, tmp_path):
    encoders = {"own": model.prosody_encoder}
    with pytest.raises(ValueError, match="no utterances"):
        prosody_vectors(model, encoders, [])
    with pytest.raises(AudioError, match="none.wav: no such file"):
        prosody_vectors(model, encoders, ["none.wav"])
    soundfile.write(tmp_path / "short.wav", np.zeros(300), 16000)
    with pytest.raises(ValueError, match="short.wav: an utterance of 300 samples is too short"):
        prosody_vectors(model, encoders, [*wavs, str(tmp_path / "short.wav")])
    model.prosody_encoder.train()
    with pytest.raises(ValueError, match="in eval mode"):
        prosody_vectors(model, encoders, wavs)
