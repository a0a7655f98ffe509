"""S3PRL upstreams, by a tiny HuBERT made on the spot."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import pytest
import torch

from espnet2_ext.units import features as s3prl_features
from espnet2_ext.units.features import S3prlFeatures, build_frame_features


def noise(num_samples):
    return 0.1 * np.random.default_rng(num_samples).standard_normal(num_samples).astype(np.float32)


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    """Return the directory of a random HuBERT of 39 thousand parameters, 3 hidden states."""
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    path = tmp_path_factory.mktemp("hubert")
    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(32,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        layerdrop=0.0,
    )
    HubertModel(config).save_pretrained(path)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(path)
    return str(path)


@pytest.fixture(scope="module")
def features(hubert):
    return build_frame_features("hf_hubert_custom/1", path_or_url=hubert)


def test_attributes(features):
    assert features.name == "hf_hubert_custom/1"
    assert (features.dim, features.stride_samples, features.offset_samples) == (32, 320, 200)
    assert not any(module.training for module in features.upstream.modules())
    assert not any(parameter.requires_grad for parameter in features.upstream.parameters())


def test_layer_counts_hidden_states(features, hubert):
    from transformers import HubertModel

    model = HubertModel.from_pretrained(hubert).eval()
    waveform = noise(8000)
    normalised = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
    with torch.no_grad():
        states = model(torch.from_numpy(normalised)[None], output_hidden_states=True).hidden_states
    ours = features(waveform)
    assert ours.shape == (25, 32) and ours.dtype == np.float32
    assert np.allclose(ours[:24], states[1][0].numpy(), atol=1e-4)
    assert np.array_equal(ours[24], ours[23])  # S3PRL repeats the last frame


@pytest.mark.parametrize("num_samples", [400, 799, 800, 960, 961, 1000, 1039, 1040, 1041, 5000])
def test_every_length_gives_what_s3prl_promises(features, num_samples):
    assert features(noise(num_samples)).shape == (-(-num_samples // 320), 32)


@pytest.mark.parametrize("num_samples", [960, 1040, 3333])
def test_lengths_beside_the_gap_are_as_s3prl_gives_them(features, num_samples):
    waveform = torch.from_numpy(noise(num_samples))[None]
    with torch.no_grad():
        states, _ = features.upstream(waveform, torch.tensor([num_samples]))
    assert np.array_equal(features(waveform[0].numpy()), states[1][0].numpy())


def test_the_gap_still_exists_in_s3prl(features):
    waveform = torch.from_numpy(noise(1000))[None]
    with pytest.raises(AssertionError):
        features.upstream(waveform, torch.tensor([1000]))


def test_long_waveforms_go_in_pieces(features, monkeypatch):
    waveform = noise(40000)
    monkeypatch.setattr(s3prl_features, "PIECE_SAMPLES", 40000)
    whole = features(waveform)
    monkeypatch.setattr(s3prl_features, "PIECE_SAMPLES", 16000)
    monkeypatch.setattr(s3prl_features, "CONTEXT_SAMPLES", 3200)
    pieces = features(waveform)
    assert pieces.shape == whole.shape == (125, 32)
    # Normalisation and attention reach over a whole piece, so values only resemble;
    # a frame in the wrong place would not.
    similarity = [np.corrcoef(a, b)[0, 1] for a, b in zip(whole, pieces, strict=True)]
    shifted = [np.corrcoef(a, b)[0, 1] for a, b in zip(whole[1:], pieces, strict=False)]
    assert np.mean(similarity) > np.mean(shifted) + 0.05
    for num_samples in (16001, 25600, 35201, 39999):
        assert len(features(waveform[:num_samples])) == -(-num_samples // 320)


def test_result_does_not_depend_on_what_came_before(features):
    waveform = noise(5000)
    first = features(waveform)
    features(noise(7000))
    assert np.array_equal(features(waveform), first)


def test_too_short(features):
    with pytest.raises(ValueError, match=r"399 samples are too short for hf_hubert_custom/1"):
        features(noise(399))


def test_no_such_layer(hubert):
    with pytest.raises(ValueError, match="hf_hubert_custom/3: .*hidden states 0 to 2"):
        S3prlFeatures("hf_hubert_custom", 3, path_or_url=hubert)


def test_no_such_upstream():
    with pytest.raises(ValueError, match="no upstream 'huber_base'.*hubert_base"):
        build_frame_features("huber_base/6")


def test_directory_without_feature_extractor(tmp_path):
    with pytest.raises(ValueError, match="has no preprocessor_config.json; save"):
        S3prlFeatures("hf_hubert_custom", 1, path_or_url=str(tmp_path))


def test_checkpoint_that_cannot_be_loaded(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ValueError, match="'hf_hubert_custom'.*cannot be loaded: .*Error") as error:
        S3prlFeatures("hf_hubert_custom", 1, path_or_url=str(tmp_path))
    assert "\n" not in str(error.value)
