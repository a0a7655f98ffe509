"""Frame features that k-means clusters: one interface, built from a short text."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torchaudio.functional import compute_deltas, create_dct
from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

from espnet2_ext.data.audio import SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)

STRIDE_SAMPLES = 320
"""Samples from one frame to the next: 20 ms at 16 kHz, HuBERT's rate of 50 frames a second."""
MFCC_WINDOW_SAMPLES = 1024
PROBE_SAMPLES = (8000, 8320)
"""24 and 25 frames: fairseq's wav2vec 2.0 pads odd counts, so one of each is tried."""
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


class FrameFeatures(Protocol):
    """What turns a waveform into one vector a frame."""

    name: str  # the text it was built from: ``mfcc`` or ``<S3PRL upstream>/<layer>``
    dim: int  # width of a vector
    stride_samples: int  # from one frame's centre to the next's
    offset_samples: int  # on which frame 0 is centred
    settings: str  # one line with all else the values depend on; centroids refuse others

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Return features (F, dim) float32 of a 16 kHz mono waveform (N,).

        ValueError where the waveform is too short for one frame.
        """
        ...


def build_frame_features(
    spec: str, *, path_or_url: str | None = None, device: str = "cpu"
) -> FrameFeatures:
    """Return the frame features that a text names.

    Source: [P2V] III-A: HuBERT base, pretrained on LibriSpeech (``hubert_base``). Which
    layer is clustered is not in paper.

    ``spec`` is ``mfcc`` or ``<S3PRL upstream>/<layer>`` such as ``hubert_base/6``, which counts
    hidden states: 0 is the input of the first transformer block, 6 the sixth's output.
    ``path_or_url`` is the checkpoint or local directory of the upstreams that want one. ValueError
    where there are no such features or they cannot be loaded.
    """
    if spec == "mfcc":
        if path_or_url is not None:
            raise ValueError(
                f"features 'mfcc' take no checkpoint, got {path_or_url!r}: leave it out"
            )
        return MfccFeatures()
    upstream, separator, layer = spec.rpartition("/")
    if not (separator and upstream and layer.isdecimal()):
        raise ValueError(
            f"features {spec!r}: expected 'mfcc' or '<S3PRL upstream>/<layer>' as 'hubert_base/6'"
        )
    return S3prlFeatures(upstream, int(layer), path_or_url=path_or_url, device=device)


@torch.no_grad()
def truncate_upstream(upstream: Any, layer: int) -> int:
    """Remove the transformer blocks after hidden state ``layer``; return how many.

    HuBERT, wav2vec 2.0, WavLM and data2vec have their blocks in ``model.encoder.layers``, and
    the first ``layer`` of them give state ``layer`` (of state 0 one stays, whose input S3PRL
    hooks). Large models normalise after the last block, which would change an earlier state, so
    there the norm becomes the identity. Unless the state of two probes stays the same in every
    bit, the upstream, an ``S3PRLUpstream`` in eval mode on the CPU, stays whole.
    """
    encoder: Any = getattr(getattr(upstream.upstream, "model", None), "encoder", None)
    blocks = getattr(encoder, "layers", None)
    if not isinstance(blocks, torch.nn.ModuleList) or len(blocks) + 1 != upstream.num_layers:
        logger.info("upstream of unknown shape: all its layers are computed")
        return 0
    kept = max(1, layer)
    if kept == len(blocks):
        return 0
    expected = _states(upstream, layer)
    shapes = (upstream._num_layers, upstream._hidden_sizes, upstream._downsample_rates)
    upstream._num_layers = kept + 1
    upstream._hidden_sizes, upstream._downsample_rates = (
        list(each[: kept + 1]) for each in shapes[1:]
    )
    encoder.layers = blocks[:kept].eval()  # a new list is in train mode
    norm = getattr(encoder, "layer_norm", None)
    for replacement in (norm, torch.nn.Identity().eval()):
        if replacement is not norm and not isinstance(norm, torch.nn.LayerNorm):
            break
        encoder.layer_norm = replacement
        try:
            is_same = all(map(torch.equal, _states(upstream, layer), expected))
        except Exception:  # whatever an encoder raises that needs all of its blocks
            is_same = False
        if is_same:
            logger.info("%d of %d transformer blocks left out", len(blocks) - kept, len(blocks))
            return len(blocks) - kept
    encoder.layers, encoder.layer_norm = blocks, norm
    upstream._num_layers, upstream._hidden_sizes, upstream._downsample_rates = shapes
    logger.info("upstream changes when its last blocks are left out: all are computed")
    return 0


def _states(upstream: Any, layer: int) -> list[torch.Tensor]:
    """Return hidden state ``layer`` of each probe, cut to one utterance (1, F, dim)."""
    generator = torch.Generator().manual_seed(0)
    states = []
    for num_samples in PROBE_SAMPLES:
        waveform = 0.1 * torch.randn(1, num_samples, generator=generator)
        states.append(upstream(waveform, torch.tensor([num_samples]))[0][layer])
    return states


class S3prlFeatures:
    """One hidden state of an S3PRL upstream: frozen, in eval mode, without gradients.

    Utterances are never batched: padding changes the values of upstreams with group
    normalisation (HuBERT base).

    S3PRL reports ceil(N / stride) frames and repeats the last one where the convolutions gave
    fewer, but stops at 961 to 1039 samples (4 frames due, 2 there): those are padded with zeros to
    1040, as S3PRL itself pads below 800. Waveforms over a minute are cut into pieces that overlap
    by 5 s on either side, on multiples of the stride: memory stays bounded.
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
        """Return features (F, dim) float32; F = ceil(N / stride), N at least 400."""
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


class MfccFeatures:
    """MFCC without c0, their deltas and double deltas, mean 0 and variance 1 per utterance.

    Without c0 and normalised, units keep little of loudness, voice and channel; deltas tell sounds
    by their movement. Frames of 64 ms are centred every 20 ms; 40 filters over magnitudes, levels
    lifted to the loudest one less 50 dB; coefficients are averaged over 3 frames and liftered.

    The values were chosen so that units (k = 100) survive a change of emotion and a vocoder. Unit
    error rates on 82 sentences of mini_emo, each spoken in four emotions, against the neutral one;
    in brackets those of common settings (25 ms, 80 dB, power, no smoothing, equal weights): the
    same mel through Griffin-Lim 0.08 (0.32), angry, happy or sad 0.35 (0.45), a mismatched text
    0.96 (0.96). Not in paper.
    """

    name = "mfcc"
    dim = 36
    stride_samples = STRIDE_SAMPLES
    offset_samples = 0
    settings = (
        "window_ms=64.0 num_mels=40 num_coefficients=13 range_db=50.0 smoothing_frames=3 "
        "lifter_exponent=0.25 delta_weight=1.0 double_delta_weight=0.5"
    )

    def __init__(self) -> None:
        lifter = torch.arange(1.0, 13) ** -0.25
        lifter = (lifter / lifter.square().mean().sqrt())[:, None]
        self.weights = [lifter, lifter, 0.5 * lifter]
        self.melspectrogram = MelSpectrogram(
            SAMPLE_RATE_HZ,
            n_fft=MFCC_WINDOW_SAMPLES,
            hop_length=STRIDE_SAMPLES,
            n_mels=40,
            power=1.0,
            center=True,
        )
        self.decibels = AmplitudeToDB("magnitude", top_db=50.0)
        self.dct = create_dct(13, 40, norm="ortho")[:, 1:]

    @torch.no_grad()
    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Return features (F, dim) float32; F = N // 320 + 1, N at least a window."""
        if len(waveform) < MFCC_WINDOW_SAMPLES:
            raise ValueError(
                f"{len(waveform)} samples are too short for mfcc (needs {MFCC_WINDOW_SAMPLES})"
            )
        samples = torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32))
        log_mels = self.decibels(self.melspectrogram(samples))  # (num_mels, F)
        padded = torch.nn.functional.pad((self.dct.T @ log_mels)[None], (1, 1), mode="replicate")
        coefficients = torch.nn.functional.avg_pool1d(padded, 3, stride=1)[0]
        deltas = compute_deltas(coefficients)
        parts = (coefficients, deltas, compute_deltas(deltas))
        weighted = [
            weight * _normalise(part) for weight, part in zip(self.weights, parts, strict=True)
        ]
        return torch.cat(weighted).T.contiguous().numpy()


def _normalise(part: torch.Tensor) -> torch.Tensor:
    """Return (C, F) with mean 0 and variance 1 over frames; a constant row becomes 0."""
    centred = part - part.mean(dim=1, keepdim=True)
    return centred / (centred.square().mean(dim=1, keepdim=True).sqrt() + 1e-5)
