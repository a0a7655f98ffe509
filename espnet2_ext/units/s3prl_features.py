"""Hidden states of any S3PRL upstream, one utterance at a time."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet2_ext.units.truncate import truncate_upstream

CONV_OFFSET_SAMPLES = 200
"""Centre of the 400 samples that frame 0 of HuBERT, wav2vec 2.0 and WavLM sees."""
SHORTEST_SAMPLES = 400
"""Samples that one such frame needs (25 ms)."""
S3PRL_GAP_SAMPLES = range(961, 1040)
"""Lengths S3PRL cannot do at stride 320: see ``S3prlFeatures``."""
PIECE_SAMPLES = 60 * 16000
"""Longest waveform given to an upstream at once; self-attention grows with its square."""
CONTEXT_SAMPLES = 5 * 16000
"""Heard on either side of a piece of a longer waveform, and thrown away again."""


class S3prlFeatures:
    """One hidden state of an S3PRL upstream: frozen, in eval mode, without gradients.

    What comes after the chosen state is not computed, see ``truncate_upstream``.

    Utterances are never batched: padding changes the values of upstreams with group
    normalisation (HuBERT base), so units would depend on their neighbours. Utterances of
    equal length could share a batch without padding, but 6 % of mini_emo's training set
    have a companion to the sample, and on a CPU four in a batch took 1.07 to 1.14 times
    as long as one by one. Longest first instead of any order would lower the peak of
    memory by 4 % only, and parts in the order of ids write sorted tables as they come.

    S3PRL reports ceil(N / stride) frames and repeats the last one where the convolutions
    gave fewer. It refuses to fill up more than it has, which stops it at 961 to 1039
    samples (4 frames due, 2 there). Those are padded with zeros to 1040, where the
    third frame exists: the count stays the 4 that S3PRL promises for them, zeros at the
    end are S3PRL's own remedy for short input (below 800 samples), and no other length
    is touched.

    Waveforms over a minute are cut into pieces of 60 s that overlap by 5 s on either
    side, on multiples of the stride; memory stays bounded, and only what an upstream
    hears beyond 5 s differs.

    Args:
        upstream: name in S3PRL's hub.
        layer: hidden state; 0 is the input of the first transformer block.
        path_or_url: checkpoint or local directory, for upstreams named ``*_custom``,
            ``*_local`` or ``*_url``.
        device: torch device.

    Raises:
        ValueError: no such upstream or layer, or the checkpoint cannot be loaded.
    """

    settings = ""

    def __init__(
        self, upstream: str, layer: int, *, path_or_url: str | None = None, device: str = "cpu"
    ) -> None:
        self.name = f"{upstream}/{layer}"
        self.layer = layer
        self.device = device
        self.upstream = load_upstream(upstream, path_or_url).eval().requires_grad_(False)
        if layer >= self.upstream.num_layers:
            raise ValueError(
                f"{self.name}: {upstream} has hidden states 0 to {self.upstream.num_layers - 1}"
            )
        truncate_upstream(self.upstream, layer)
        self.upstream.to(device)
        self.dim = int(self.upstream.hidden_sizes[layer])
        self.stride_samples = int(self.upstream.downsample_rates[layer])
        # Other strides belong to other convolutions; the middle of a step is near enough.
        self.offset_samples = (
            CONV_OFFSET_SAMPLES if self.stride_samples == 320 else self.stride_samples // 2
        )

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Return features (F, dim) float32; F = ceil(N / stride).

        Raises:
            ValueError: the waveform is shorter than 400 samples.
        """
        return self.states(waveform).cpu().numpy()

    @torch.inference_mode()
    def states(self, waveform: np.ndarray) -> torch.Tensor:
        """Return features (F, dim) float32 on the upstream's device, else as a call does."""
        if len(waveform) < SHORTEST_SAMPLES:
            raise ValueError(
                f"{len(waveform)} samples are too short for {self.name} (needs {SHORTEST_SAMPLES})"
            )
        if len(waveform) <= PIECE_SAMPLES:
            return self._hidden_states(waveform)
        step = (PIECE_SAMPLES - 2 * CONTEXT_SAMPLES) // self.stride_samples * self.stride_samples
        context = CONTEXT_SAMPLES // self.stride_samples * self.stride_samples
        pieces = []
        for start in range(0, len(waveform), step):
            heard_from = max(0, start - context)
            states = self._hidden_states(waveform[heard_from : start + step + context])
            first = (start - heard_from) // self.stride_samples
            pieces.append(states[first : first + step // self.stride_samples])
        return torch.cat(pieces)

    def _hidden_states(self, waveform: np.ndarray) -> torch.Tensor:
        """Return the chosen hidden state (F, dim) of a waveform that fits into memory."""
        samples = torch.from_numpy(np.array(waveform, dtype=np.float32))
        if len(samples) in S3PRL_GAP_SAMPLES and self.stride_samples == 320:
            samples = torch.nn.functional.pad(samples, (0, S3PRL_GAP_SAMPLES.stop - len(samples)))
        lengths = torch.tensor([len(samples)], device=self.device)
        states, _ = self.upstream(samples[None].to(self.device), lengths)
        return states[self.layer][0].float()


def load_upstream(name: str, path_or_url: str | None) -> Any:
    """Return the S3PRLUpstream, or raise ValueError in one line."""
    if name.startswith("hf_") and path_or_url is not None and Path(path_or_url).is_dir():
        # Without this file S3PRL quietly asks the network for another model's.
        if not (Path(path_or_url) / "preprocessor_config.json").is_file():
            raise ValueError(
                f"{path_or_url}: has no preprocessor_config.json; save the model's "
                "Wav2Vec2FeatureExtractor there"
            )
    from espnet2_ext import _compat  # noqa: F401  (first: S3PRL imports ESPnet)

    # isort: split
    from s3prl.nn import S3PRLUpstream  # takes about 10 s, so only who needs it pays

    names = S3PRLUpstream.available_names()
    if name not in names:
        close = ", ".join(difflib.get_close_matches(name, names)) or "see s3prl.hub"
        raise ValueError(f"S3PRL has no upstream {name!r} (close: {close})")
    try:
        return S3PRLUpstream(name, path_or_url=path_or_url)
    except Exception as error:  # whatever a checkpoint loader of 196 upstreams raises
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"S3PRL upstream {name!r} (checkpoint {path_or_url or 'of the hub'}) cannot be "
            f"loaded: {type(error).__name__}: {reason}"
        ) from error
