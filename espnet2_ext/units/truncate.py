"""Leave out of an S3PRL upstream what comes after the hidden state that is wanted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import torch

logger = logging.getLogger(__name__)

PROBE_SAMPLES = (8000, 8320)
"""24 and 25 frames: fairseq's wav2vec 2.0 pads odd counts, so one of each is tried."""


@torch.no_grad()
def truncate_upstream(upstream: Any, layer: int) -> int:
    """Remove transformer blocks that cannot change hidden state ``layer``, if that is safe.

    HuBERT, wav2vec 2.0, WavLM and data2vec, of fairseq's kind or HuggingFace's, have their
    blocks in ``model.encoder.layers``; state ``layer`` is what block ``layer`` would read, so
    the first ``layer`` blocks give it (of state 0 one block stays, S3PRL hooks its input).
    Large models normalise after the last block; behind an earlier block that would change
    the state, so there it becomes the identity. Which kind an upstream is, its own output
    decides: the state has to stay the same in every bit on two probes, or the upstream
    stays whole. States above ``layer`` are gone, lower ones and their numbers stay.

    Args:
        upstream: an ``S3PRLUpstream`` in eval mode, before it moves to a device.
        layer: hidden state, counted as ``S3PRLUpstream`` does.

    Returns:
        How many blocks were removed.
    """
    encoder = _encoder(upstream)
    if encoder is None or len(encoder.layers) + 1 != upstream.num_layers:
        logger.info("upstream of unknown shape: all its layers are computed")
        return 0
    whole, kept = encoder.layers, max(1, layer)
    if kept == len(whole):
        return 0
    expected = _states(upstream, layer)
    shapes = (upstream._num_layers, upstream._hidden_sizes, upstream._downsample_rates)
    upstream._num_layers = kept + 1
    upstream._hidden_sizes, upstream._downsample_rates = (
        list(each[: kept + 1]) for each in shapes[1:]
    )
    for _ in _truncations(encoder, kept):
        if _is_same(upstream, layer, expected):
            logger.info("%d of %d transformer blocks left out", len(whole) - kept, len(whole))
            return len(whole) - kept
    upstream._num_layers, upstream._hidden_sizes, upstream._downsample_rates = shapes
    logger.info("upstream changes when its last blocks are left out: all are computed")
    return 0


def _encoder(upstream: Any) -> Any:
    """Return the module that holds the blocks as ``layers``, or None."""
    encoder = getattr(getattr(upstream.upstream, "model", None), "encoder", None)
    return encoder if isinstance(getattr(encoder, "layers", None), torch.nn.ModuleList) else None


def _truncations(encoder: Any, kept: int) -> Iterator[None]:
    """Shorten the encoder, then also take its norm out; whole again when exhausted."""
    whole, norm = encoder.layers, getattr(encoder, "layer_norm", None)
    encoder.layers = whole[:kept].eval()  # a new list is in train mode
    yield
    if isinstance(norm, torch.nn.LayerNorm):
        encoder.layer_norm = torch.nn.Identity().eval()
        yield
        encoder.layer_norm = norm
    encoder.layers = whole


def _is_same(upstream: Any, layer: int, expected: list[torch.Tensor]) -> bool:
    try:
        states = _states(upstream, layer)
    except Exception:  # whatever an encoder raises that needs all of its blocks
        return False
    return all(map(torch.equal, states, expected))


def _states(upstream: Any, layer: int) -> list[torch.Tensor]:
    """Return hidden state ``layer`` of each probe, cut to one utterance (1, F, dim)."""
    generator = torch.Generator().manual_seed(0)
    states = []
    for num_samples in PROBE_SAMPLES:
        waveform = 0.1 * torch.randn(1, num_samples, generator=generator)
        states.append(upstream(waveform, torch.tensor([num_samples]))[0][layer])
    return states
