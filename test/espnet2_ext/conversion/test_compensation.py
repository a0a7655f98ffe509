"""Variance that a mean squared error takes away, measured and given back."""

import numpy as np
import pytest
import soundfile
import torch

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.conversion.compensation import model_compensation
from espnet2_ext.conversion.converter import (
    ConversionRequest,
    Prosody2VecConverter,
    VarianceCompensation,
    file_hash,
)
from espnet2_ext.data.tables import write_table
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.prosody2vec.mels import LOG_MEL_FLOOR


def test_golden_gain_and_shift():
    # Band 0: 0 2 -> mean 1, std 1; true 1 5 -> mean 3, std 2. Band 1 is wider than speech: kept.
    compensation = VarianceCompensation.between(
        np.array([[0.0, -4.0], [2.0, 4.0]]), np.array([[1.0, 0.0], [5.0, 2.0]])
    )
    assert compensation.gain.tolist() == [2.0, 1.0]
    restored = compensation.restore(torch.tensor([[0.0, -4.0], [2.0, 4.0], [1.0, 0.0]]))
    assert restored.tolist() == [[1.0, -3.0], [5.0, 5.0], [3.0, 1.0]]


@pytest.fixture
def converter(make_model):
    return Prosody2VecConverter(make_model(2), GenerationLimits(max_frames_per_unit=8.0))


@pytest.fixture
def data_dir(tmp_path):
    """Return a validation set of two utterances."""
    generator = np.random.default_rng(0)
    wavs = {name: tmp_path / f"{name}.wav" for name in ("a-1", "a-2")}
    for path in wavs.values():
        soundfile.write(path, 0.1 * generator.standard_normal(4000), 16000)
    write_table(tmp_path / "wav.scp", wavs)
    write_table(tmp_path / "utt2spk", dict.fromkeys(wavs, "a"))
    write_table(tmp_path / "units_x", {"a-1": "1 2 3", "a-2": "4 5"})
    write_ark_scp(tmp_path / "spk_embed.scp", {name: np.ones(3) for name in wavs})
    (tmp_path / "best.pth").write_bytes(b"weights")
    return tmp_path


class Quiet:
    """A vocoder whose speech is a constant 0.05 whatever the mel says."""

    def __init__(self, name="quiet"):
        self.name = name
        self.mels = []

    def __call__(self, mel):
        self.mels.append(mel)
        return np.full(4000, 0.05, np.float32)


def test_of_other_weights_is_refused(data_dir):
    compensation = VarianceCompensation(np.zeros(2), np.ones(2), np.ones(2), {"quiet": 1.0})
    weights, path = data_dir / "best.pth", data_dir / "best.contrast.json"
    compensation.save(path, "key", file_hash(weights))
    for model_file in (None, weights):
        loaded = VarianceCompensation.load(path, model_file)
        assert loaded.lost_level_db == {"quiet": 1.0} and loaded.true_mean.tolist() == [1, 1]
    (data_dir / "other.pth").write_bytes(b"other weights")
    with pytest.raises(ValueError, match=r"best.contrast.json: .*other.pth"):
        VarianceCompensation.load(path, data_dir / "other.pth")
    weights.write_bytes(b"other weights")
    with pytest.raises(ValueError, match=r"best.contrast.json: .*best.pth"):
        VarianceCompensation.load(path)
    compensation.save(path, "key")  # as before the weights were recorded
    assert VarianceCompensation.load(path, weights).gain.tolist() == [1, 1]
    path.write_text(path.read_text().replace('"key": "key", ', ""))
    assert "key" not in path.read_text() and VarianceCompensation.load(path, weights)


def test_is_measured_once_for_a_model_and_vocoder(converter, data_dir, monkeypatch):
    path, quiet = data_dir / "best.pth", Quiet()
    measured = model_compensation(converter, path, data_dir, "x", quiet)
    assert converter.compensation is measured
    assert measured.gain.shape == (converter.model.features.mel_dim,)
    assert (measured.gain >= 1.0).all()
    assert len(quiet.mels) == 2
    # Noise of deviation 0.1 against a constant 0.05.
    assert measured.lost_level_db == {"quiet": pytest.approx(6.0, abs=0.5)}
    both = model_compensation(converter, path, data_dir, "x", Quiet("other"))
    assert sorted(both.lost_level_db) == ["other", "quiet"]
    monkeypatch.setattr(converter, "generate", None)
    again = model_compensation(converter, path, data_dir, "x", quiet)
    assert np.array_equal(again.gain, measured.gain)
    assert np.array_equal(again.true_mean, measured.true_mean)
    assert again.lost_level_db == both.lost_level_db
    path.write_bytes(b"other weights")
    with pytest.raises(TypeError):
        model_compensation(converter, path, data_dir, "x", quiet)


@pytest.fixture
def sets(data_dir, tmp_path):
    """Return the set with a speaker of one utterance more, and the others of its speakers."""
    write_table(data_dir / "utt2spk", {"a-1": "a", "a-2": "b"})
    write_ark_scp(data_dir / "spk_embed.scp", {"a-1": np.full(3, 1), "a-2": np.full(3, 2)})
    train = tmp_path / "train"
    train.mkdir()
    write_table(train / "utt2spk", {"a-3": "a", "c-1": "c"})
    write_ark_scp(train / "spk_embed.scp", {"a-3": np.full(3, 3), "c-1": np.full(3, 4)})
    return data_dir, train


def voices_of(converter, monkeypatch):
    """Return a list that gets the speaker vectors that are asked for."""
    asked, generate = [], converter.generate

    def spy(requests):
        asked.extend(request.speaker_embedding.tolist() for request in requests)
        return generate(requests)

    monkeypatch.setattr(converter, "generate", spy)
    return asked


def test_another_utterance_gives_the_voice(converter, sets, monkeypatch, caplog):
    data_dir, train = sets
    asked, path = voices_of(converter, monkeypatch), data_dir / "best.pth"
    model_compensation(converter, path, data_dir, "x", Quiet(), speaker_dir=train)
    assert asked == [[3, 3, 3]], "of the training set; b has no other utterance"
    message = f"1 of 2 utterances are left out, the only ones of their speakers in {data_dir} and"
    assert f"{message} {train}: a-2" in caplog.text
    model_compensation(converter, path, data_dir, "x", Quiet(), speaker_dir=train)
    assert len(asked) == 1, "is kept"
    write_table(train / "utt2spk", {"a-3": "a", "c-1": "b"})
    model_compensation(converter, path, data_dir, "x", Quiet(), speaker_dir=train)
    assert asked[1:] == [[3, 3, 3], [4, 4, 4]], "measured again, as voices are others"


def test_no_voice_for_any_and_no_utterances(converter, sets):
    data_dir, _ = sets
    with pytest.raises(ValueError, match="has two utterances.*--compensation_speaker_dir"):
        model_compensation(converter, data_dir / "best.pth", data_dir, "x", Quiet())
    (data_dir / "units_x").write_text("")
    with pytest.raises(ValueError, match="no utterances to measure"):
        model_compensation(converter, data_dir / "best.pth", data_dir, "x", Quiet())


def test_conversion_restores_variance_and_the_level_of_its_vocoder_and_keeps_the_floor(converter):
    request = ConversionRequest(np.array([1, 2]), np.zeros(4000, np.float32), np.ones(3))
    bands = converter.model.features.mel_dim

    def mel(true_mean, gain, vocoder=None):
        restored = np.zeros(bands), np.full(bands, true_mean), np.full(bands, gain)
        converter.compensation = VarianceCompensation(*restored, {"quiet": 20.0})
        converter.vocoder_name = vocoder
        return converter.convert([request])[0].mel

    plain = mel(0.0, 1.0)
    assert np.abs(mel(0.5, 3.0) - plain).max() > 0.1
    # 20 dB are a factor of 10 in amplitude: ln 10 in the mel.
    assert np.allclose(mel(0.0, 1.0, "quiet") - plain, np.log(10.0), atol=1e-4)
    assert mel(-1.0e6, 1.0).min() == pytest.approx(LOG_MEL_FLOOR, abs=1e-5)
