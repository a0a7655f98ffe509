"""MFCC and hidden states of upstreams: right, of every length, and nothing computed in vain."""

import dataclasses
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import librosa
import numpy as np
import pytest
import scipy
import torch
import transformers

from espnet2_ext.bin import make_tiny_hubert as entry
from espnet2_ext.units import features as s3prl_features
from espnet2_ext.units.features import (
    MfccFeatures,
    S3prlFeatures,
    build_frame_features,
    truncate_upstream,
)
from espnet2_ext.units.tiny_upstream import make_tiny_hubert


def test_features_that_cannot_be():
    for spec in ("", "mfc", "hubert_base", "/6", "hubert/last"):
        with pytest.raises(ValueError, match="expected 'mfcc' or '<S3PRL upstream>/<layer>'"):
            build_frame_features(spec)
    with pytest.raises(ValueError, match="take no checkpoint, got 'x'"):
        build_frame_features("mfcc", path_or_url="x")
    with pytest.raises(ValueError, match=r"1023 samples are too short for mfcc \(needs 1024\)"):
        MfccFeatures()(noise(1023))


def noise(num_samples, seed=0):
    """Noise whose loudness and colour change every 50 ms."""
    generator = np.random.default_rng(seed)
    white = generator.standard_normal(num_samples + 1)
    colour = np.repeat(generator.uniform(-0.9, 0.9, num_samples // 800 + 1), 800)[:num_samples]
    loudness = np.repeat(generator.uniform(0.02, 0.2, num_samples // 800 + 1), 800)[:num_samples]
    return (loudness * (white[1:] + colour * white[:-1])).astype(np.float32)


@pytest.mark.parametrize("num_samples", [1024, 1279, 1280, 16001])
def test_mfcc(num_samples):
    mfcc, waveform = build_frame_features("mfcc"), noise(num_samples)
    assert (mfcc.name, mfcc.dim) == ("mfcc", 36)
    assert (mfcc.stride_samples, mfcc.offset_samples) == (320, 0)
    before = waveform.copy()
    found = mfcc(waveform)
    assert found.shape == (num_samples // 320 + 1, 36) and found.dtype == np.float32
    assert np.array_equal(found, MfccFeatures()(waveform)) and np.array_equal(waveform, before)
    assert np.abs(mfcc(np.zeros(num_samples, np.float32))).max() < 1.0


def test_mfcc_are_those_of_librosa():
    """Against another library's mel filters and transform, with numpy for the rest."""
    waveform = noise(32000)
    mel = librosa.feature.melspectrogram(
        y=waveform, sr=16000, n_fft=1024, hop_length=320, n_mels=40, power=1.0,
        htk=True, norm=None, pad_mode="reflect",
    )  # fmt: skip
    levels = 20 * np.log10(np.maximum(mel, 1e-10))
    levels = np.maximum(levels, levels.max() - 50)
    coefficients = scipy.fft.dct(levels, axis=0, norm="ortho")[1:13]
    smooth = scipy.ndimage.uniform_filter1d(coefficients, 3, axis=1, mode="nearest")
    slope = np.arange(2, -3, -1) / 10
    deltas = scipy.ndimage.convolve1d(smooth, slope, axis=1, mode="nearest")
    parts = (smooth, deltas, scipy.ndimage.convolve1d(deltas, slope, axis=1, mode="nearest"))
    lifter = np.arange(1, 13) ** -0.25
    lifter /= np.sqrt((lifter**2).mean())
    normed = [(p - p.mean(1, keepdims=True)) / p.std(1, keepdims=True) for p in parts]
    weighted = [w * lifter[:, None] * p for w, p in zip((1, 1, 0.5), normed, strict=True)]
    expected = np.concatenate(weighted).T
    np.testing.assert_allclose(MfccFeatures()(waveform), expected, atol=0.01)


def white_noise(num_samples):
    return 0.1 * np.random.default_rng(num_samples).standard_normal(num_samples).astype(np.float32)


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    """Return the directory of a random HuBERT of 39 thousand parameters, 3 hidden states."""
    path = tmp_path_factory.mktemp("hubert")
    make_tiny_hubert(path, width=32)
    return str(path)


@pytest.fixture(scope="module")
def features(hubert):
    return build_frame_features("hf_hubert_custom/1", path_or_url=hubert)


def test_layer_counts_hidden_states(features, hubert):
    model = transformers.HubertModel.from_pretrained(hubert).eval()
    waveform = white_noise(8000)
    normalised = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
    with torch.no_grad():
        states = model(torch.from_numpy(normalised)[None], output_hidden_states=True).hidden_states
    ours = features(waveform)
    assert ours.shape == (25, 32) and ours.dtype == np.float32
    assert np.allclose(ours[:24], states[1][0].numpy(), atol=1e-4)
    assert np.array_equal(ours[24], ours[23])  # S3PRL repeats the last frame
    assert (features.name, features.dim) == ("hf_hubert_custom/1", 32)
    assert (features.stride_samples, features.offset_samples) == (320, 200)
    assert not any(module.training for module in features.upstream.modules())
    assert not any(parameter.requires_grad for parameter in features.upstream.parameters())


@pytest.mark.parametrize("num_samples", [400, 800, 960, 961, 1039, 1040, 5000])
def test_every_length_gives_what_s3prl_promises(features, num_samples):
    waveform = torch.from_numpy(white_noise(num_samples))[None]
    found = features(waveform[0].numpy())
    assert found.shape == (-(-num_samples // 320), 32)
    if 960 < num_samples < 1040:
        with pytest.raises(AssertionError):  # the gap still exists in S3PRL
            features.upstream(waveform, torch.tensor([num_samples]))
    else:
        with torch.no_grad():
            states, _ = features.upstream(waveform, torch.tensor([num_samples]))
        assert np.array_equal(found, states[1][0].numpy())


def test_long_waveforms_go_in_pieces(features, monkeypatch):
    waveform = white_noise(40000)
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
    for num_samples in (16001, 25600, 35201):
        assert len(features(waveform[:num_samples])) == -(-num_samples // 320)


def test_what_an_upstream_refuses(features, hubert, tmp_path):
    with pytest.raises(ValueError, match=r"399 samples are too short for hf_hubert_custom/1"):
        features(white_noise(399))
    with pytest.raises(ValueError, match="hf_hubert_custom/3: .*hidden states 0 to 2"):
        S3prlFeatures("hf_hubert_custom", 3, path_or_url=hubert)
    with pytest.raises(ValueError, match="no upstream 'huber_base'.*hubert_base"):
        build_frame_features("huber_base/6")
    with pytest.raises(ValueError, match="has no preprocessor_config.json; save"):
        S3prlFeatures("hf_hubert_custom", 1, path_or_url=str(tmp_path))
    (tmp_path / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ValueError, match="'hf_hubert_custom'.*cannot be loaded: .*Error") as error:
        S3prlFeatures("hf_hubert_custom", 1, path_or_url=str(tmp_path))
    assert "\n" not in str(error.value)


LENGTHS = (400, 3555, 8321)
NUM_BLOCKS = 3
DIM = 32
FAIRSEQ = {
    "encoder_layers": NUM_BLOCKS,
    "encoder_embed_dim": DIM,
    "encoder_ffn_embed_dim": 64,
    "encoder_attention_heads": 2,
    "conv_feature_layers": "[(32,10,5)] + [(32,3,2)] * 4 + [(32,2,2)] * 2",
    "conv_pos": 16,
    "conv_pos_groups": 4,
}


def save_huggingface(path, is_large):
    """Write a HuBERT of Hugging Face to a directory."""
    config = transformers.HubertConfig(
        hidden_size=DIM,
        num_hidden_layers=NUM_BLOCKS,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(32,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        layerdrop=0.0,
        do_stable_layer_norm=is_large,
        feat_extract_norm="layer" if is_large else "group",
    )
    disturbed(transformers.HubertModel(config)).save_pretrained(path)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(path)


def s3prl_hubert(is_large):
    """Return the content of a checkpoint of S3PRL's ``hubert``."""
    from s3prl.upstream.hubert import hubert_model

    mode = "layer_norm" if is_large else "default"
    settings = {**FAIRSEQ, "layer_norm_first": is_large, "extractor_mode": mode}
    model_cfg = hubert_model.HubertConfig(label_rate=50.0, final_dim=8, **settings)
    task_cfg = hubert_model.HubertPretrainingConfig(normalize=is_large)
    symbols = [["a", "b", "c"]]
    model = disturbed(hubert_model.HubertModel(model_cfg, task_cfg, symbols))
    return {
        "task_cfg": dataclasses.asdict(task_cfg),
        "model_cfg": dataclasses.asdict(model_cfg),
        "model_weight": model.state_dict(),
        "dictionaries_symbols": symbols,
    }


def disturbed(model):
    """Give norms weights that a trained model might have, so that leaving one out shows."""
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm) and module.elementwise_affine:
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    return model


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Return a function that loads an upstream, of equal weights at every call."""
    from s3prl.nn import S3PRLUpstream

    from espnet2_ext import _compat  # noqa: F401

    paths = {}

    def loaded(name, is_large):
        if (name, is_large) not in paths:
            torch.manual_seed(0)
            paths[name, is_large] = str(tmp_path_factory.mktemp("upstream") / "checkpoint")
            if name.startswith("hf_"):
                save_huggingface(paths[name, is_large], is_large)
            else:
                torch.save(s3prl_hubert(is_large), paths[name, is_large])
        return S3PRLUpstream(name, path_or_url=paths[name, is_large]).eval()

    return loaded


@torch.no_grad()
def hidden_states(upstream, num_samples):
    waveform = 0.1 * torch.randn(1, num_samples, generator=torch.Generator().manual_seed(7))
    return upstream(waveform, torch.tensor([num_samples]))[0]


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("name", ["hf_hubert_custom", "hubert_local"])
def test_states_are_those_of_the_whole_upstream(load, name, is_large):
    whole = load(name, is_large)
    for layer in range(NUM_BLOCKS + 1):
        truncated = load(name, is_large)
        removed = truncate_upstream(truncated, layer)
        blocks = max(1, layer)
        assert removed == NUM_BLOCKS - blocks
        encoder = truncated.upstream.model.encoder
        assert len(encoder.layers) == blocks
        assert blocks < NUM_BLOCKS or isinstance(encoder.layer_norm, torch.nn.LayerNorm)
        assert truncated.num_layers == len(truncated.hidden_sizes) == blocks + 1
        for num_samples in LENGTHS:
            expected = hidden_states(whole, num_samples)[layer]
            assert torch.equal(hidden_states(truncated, num_samples)[layer], expected)


@pytest.mark.parametrize(
    "disturb", [lambda state, n: n * state, lambda state, n: [state][NUM_BLOCKS - n]]
)
def test_an_upstream_that_would_change_or_has_another_shape_stays_whole(load, disturb):
    """Where the number of blocks scales the first state, or blocks that are left out are needed."""
    upstream = load("hf_hubert_custom", True)
    model, encoder = upstream.upstream.model, upstream.upstream.model.encoder
    model.feature_projection.register_forward_hook(
        lambda *call: disturb(call[2], len(encoder.layers))
    )
    before, norm = hidden_states(upstream, 3200), encoder.layer_norm
    assert truncate_upstream(upstream, 1) == 0
    assert upstream.num_layers == len(upstream.hidden_sizes) == 4
    assert encoder.layer_norm is norm and len(encoder.layers) == NUM_BLOCKS
    assert all(map(torch.equal, hidden_states(upstream, 3200), before))
    model.encoder = torch.nn.ModuleList([encoder])  # which has no layers
    assert truncate_upstream(upstream, 1) == 0


def test_a_seed_means_weights_and_a_complete_folder_is_left_alone(tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_tiny_hubert(tmp_path / name, width=16, layers=1, seed=seed)
    assert torch.equal(torch.rand(2), expected), "the caller's random numbers changed"
    models = (transformers.HubertModel.from_pretrained(tmp_path / name) for name in "abc")
    one, same, other = (model.state_dict() for model in models)
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    name = "encoder.layers.0.attention.q_proj.weight"
    assert not torch.equal(one[name], other[name])
    before = (tmp_path / "a/model.safetensors").stat().st_mtime_ns
    entry.main(["--directory", str(tmp_path / "a")])
    assert (tmp_path / "a/model.safetensors").stat().st_mtime_ns == before
    (tmp_path / "a/preprocessor_config.json").unlink()  # as a kill leaves it
    (tmp_path / "a/model.safetensors").write_bytes(b"half")
    entry.main(["--directory", str(tmp_path / "a")])
    assert (tmp_path / "a/model.safetensors").stat().st_size > 1000
