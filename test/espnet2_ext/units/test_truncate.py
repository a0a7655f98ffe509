"""A truncated upstream gives the hidden state that the whole one gives, bit by bit."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import dataclasses
import logging

import pytest
import torch

from espnet2_ext.units.features import truncate_upstream

LENGTHS = (400, 3200, 3555, 8000, 8321)
NUM_BLOCKS = 3
DIM = 32
CONV_LAYERS = "[(32,10,5)] + [(32,3,2)] * 4 + [(32,2,2)] * 2"
FAIRSEQ = {
    "encoder_layers": NUM_BLOCKS,
    "encoder_embed_dim": DIM,
    "encoder_ffn_embed_dim": 64,
    "encoder_attention_heads": 2,
    "conv_feature_layers": CONV_LAYERS,
    "conv_pos": 16,
    "conv_pos_groups": 4,
}


def large_settings(is_large):
    """Return what tells large models from base ones."""
    mode = "layer_norm" if is_large else "default"
    return {"layer_norm_first": is_large, "extractor_mode": mode}


def save_huggingface(kind, path, is_large):
    """Write a HuggingFace ``Hubert`` or ``Wav2Vec2`` to a directory."""
    import transformers

    config = getattr(transformers, f"{kind}Config")(
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
    model = getattr(transformers, f"{kind}Model")(config)
    disturb_norms(model)
    model.save_pretrained(path)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(path)


def save_hubert(path, is_large):
    """Write a checkpoint of S3PRL's ``hubert_local``."""
    from s3prl.upstream.hubert import hubert_model

    settings = {**FAIRSEQ, **large_settings(is_large)}
    model_cfg = hubert_model.HubertConfig(label_rate=50.0, final_dim=8, **settings)
    task_cfg = hubert_model.HubertPretrainingConfig(normalize=is_large)
    symbols = [["a", "b", "c"]]
    model = hubert_model.HubertModel(model_cfg, task_cfg, symbols)
    save_fairseq(path, model, model_cfg, task_cfg, dictionaries_symbols=symbols)


def save_wav2vec2(path, is_large):
    """Write a checkpoint of S3PRL's ``wav2vec2_local``."""
    from s3prl.upstream.wav2vec2 import wav2vec2_model

    settings = {**FAIRSEQ, **large_settings(is_large)}
    model_cfg = wav2vec2_model.Wav2Vec2Config(final_dim=8, **settings)
    task_cfg = wav2vec2_model.AudioPretrainingConfig(normalize=is_large)
    save_fairseq(path, wav2vec2_model.Wav2Vec2Model(model_cfg), model_cfg, task_cfg)


def save_fairseq(path, model, model_cfg, task_cfg, **more):
    disturb_norms(model)
    torch.save(
        {
            "task_cfg": dataclasses.asdict(task_cfg),
            "model_cfg": dataclasses.asdict(model_cfg),
            "model_weight": model.state_dict(),
            **more,
        },
        path,
    )


def save_wavlm(path, is_large):
    """Write a checkpoint of S3PRL's ``wavlm_local``."""
    from s3prl.upstream.wavlm.WavLM import WavLM, WavLMConfig

    settings = {
        **FAIRSEQ,
        **large_settings(is_large),
        "normalize": is_large,
        "relative_position_embedding": True,
        "gru_rel_pos": True,
    }
    model = WavLM(WavLMConfig(settings))
    disturb_norms(model)
    torch.save({"cfg": settings, "model": model.state_dict()}, path)


def disturb_norms(model):
    """Give norms weights that a trained model might have, so that leaving one out shows."""
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm) and module.elementwise_affine:
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)


SAVE = {
    "hf_hubert_custom": lambda path, is_large: save_huggingface("Hubert", path, is_large),
    "hf_wav2vec2_custom": lambda path, is_large: save_huggingface("Wav2Vec2", path, is_large),
    "hubert_local": save_hubert,
    "wav2vec2_local": save_wav2vec2,
    "wavlm_local": save_wavlm,
}
"""What writes a checkpoint, by the upstream's name in S3PRL."""


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
            SAVE[name](paths[name, is_large], is_large)
        return S3PRLUpstream(name, path_or_url=paths[name, is_large]).eval()

    return loaded


@torch.no_grad()
def hidden_states(upstream, num_samples):
    waveform = 0.1 * torch.randn(1, num_samples, generator=torch.Generator().manual_seed(7))
    return upstream(waveform, torch.tensor([num_samples]))[0]


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("name", SAVE)
def test_states_are_those_of_the_whole_upstream(load, name, is_large):
    whole = load(name, is_large)
    for layer in range(NUM_BLOCKS + 1):
        truncated = load(name, is_large)
        removed = truncate_upstream(truncated, layer)
        blocks = max(1, layer)
        assert removed == NUM_BLOCKS - blocks
        assert len(truncated.upstream.model.encoder.layers) == blocks
        assert truncated.num_layers == len(truncated.hidden_sizes) == blocks + 1
        for num_samples in LENGTHS:
            expected = hidden_states(whole, num_samples)[layer]
            assert torch.equal(hidden_states(truncated, num_samples)[layer], expected)


def test_blocks_behind_the_layer_do_not_run(load):
    upstream = load("hubert_local", False)
    blocks, calls = list(upstream.upstream.model.encoder.layers), []
    for number, block in enumerate(blocks):
        block.register_forward_hook(lambda *_, number=number: calls.append(number))
    truncate_upstream(upstream, 2)
    calls.clear()
    hidden_states(upstream, 3200)
    assert calls == [0, 1]


def test_the_last_layer_keeps_its_norm(load, caplog):
    upstream = load("hf_hubert_custom", True)
    assert truncate_upstream(upstream, NUM_BLOCKS) == 0
    assert isinstance(upstream.upstream.model.encoder.layer_norm, torch.nn.LayerNorm)


class Upstream(torch.nn.Module):
    """What S3PRLUpstream shows of an upstream with scalar states."""

    def __init__(self, encoder):
        super().__init__()
        self.upstream = torch.nn.Module()
        self.upstream.model = torch.nn.Module()
        self.upstream.model.encoder = encoder
        self._num_layers, self._hidden_sizes, self._downsample_rates = 4, [1] * 4, [320] * 4

    @property
    def num_layers(self):
        return self._num_layers

    def forward(self, waveforms, lengths):
        return self.upstream.model.encoder(waveforms[:, ::320, None]), lengths


class LooksAhead(torch.nn.Module):
    """Scales every state by how many blocks there are."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(3))
        self.layer_norm = torch.nn.LayerNorm(1)

    def forward(self, state):
        states = [state]
        for layer in self.layers:
            states.append(layer(states[-1]))
        return [len(self.layers) * each for each in states]


class NeedsAll(LooksAhead):
    def forward(self, state):
        return [state, self.layers[0](state), self.layers[2](self.layers[1](state))]


@pytest.mark.parametrize("encoder", [LooksAhead, NeedsAll])
def test_an_upstream_that_would_change_stays_whole(encoder, caplog):
    upstream = Upstream(encoder())
    norm, before = upstream.upstream.model.encoder.layer_norm, hidden_states(upstream, 3200)
    with caplog.at_level(logging.INFO):
        assert truncate_upstream(upstream, 1) == 0
    assert upstream.num_layers == 4 and len(upstream._hidden_sizes) == 4
    assert upstream.upstream.model.encoder.layer_norm is norm
    assert all(map(torch.equal, hidden_states(upstream, 3200), before))
    assert "changes when its last blocks are left out" in caplog.text


@pytest.mark.parametrize("layers", [None, torch.nn.ModuleList([torch.nn.Linear(1, 1)])])
def test_an_upstream_of_unknown_shape_stays_whole(layers, caplog):
    encoder = torch.nn.Module()
    encoder.layers = layers
    with caplog.at_level(logging.INFO):
        assert truncate_upstream(Upstream(encoder), 1) == 0
    assert "unknown shape: all its layers are computed" in caplog.text
