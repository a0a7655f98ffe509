"""The emotion classifier: a linear layer on the prosody encoder, an S3PRL upstream, or both."""

from collections.abc import Sequence

import torch
from espnet2.torch_utils.device_funcs import force_gatherable
from espnet2.train.abs_espnet_model import AbsESPnetModel
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec.encoders import MaskedBatchNorm1d, ProsodyEncoder
from espnet2_ext.prosody2vec.mels import HifiGanMel, crop_mels, normalised_mels
from espnet2_ext.prosody2vec.memory import length_mask
from espnet2_ext.units.features import S3PRL_GAP_SAMPLES, SHORTEST_SAMPLES, load_upstream

WEIGHTED = "weighted"
LAST = "last"


class LayerPooling(nn.Module):
    """One layer, or a learnt weighted sum of all, of the means over time of an upstream's layers.

    Mean over time and weighted sum over layers commute: the means are all that is stored of a
    frozen upstream. ``layer`` is ``last``, ``weighted``, or a number (ValueError for another);
    ``standardise`` by the mean and variance of the training batches, without learnt scale, as
    hidden states of large models differ by orders of magnitude.

    Source: [P2V] IV-C concatenates an upstream's vector with the prosody vector; how it is pooled
    is not in paper. The weighted sum is SUPERB's.
    """

    def __init__(
        self, num_layers: int, dim: int, layer: str | int = LAST, standardise: bool = False
    ):
        super().__init__()
        self.output_dim = dim
        self.norm = MaskedBatchNorm1d(dim, affine=False) if standardise else nn.Identity()
        self.weights = nn.Parameter(torch.zeros(num_layers)) if layer == WEIGHTED else None
        self.layer = num_layers - 1
        if layer not in (LAST, WEIGHTED):
            if not str(layer).isdecimal() or int(layer) >= num_layers:
                known = f"{LAST}, {WEIGHTED} or 0 to {num_layers - 1}"
                raise ValueError(f"upstream layer {layer!r}: expected {known}")
            self.layer = int(layer)

    def forward(self, layer_means: torch.Tensor) -> torch.Tensor:
        """Return vectors (B, D) of layer means (B, L, D)."""
        if self.weights is None:
            pooled = layer_means[:, self.layer]
        else:
            pooled = torch.einsum("bld,l->bd", layer_means, self.weights.softmax(dim=0))
        return self.norm(pooled)


class FineTunedUpstream(nn.Module):
    """An S3PRL upstream: waveforms to the mean over time of every hidden state, with gradients.

    In eval mode utterances go one by one, so that a prediction does not depend on the batch; also
    in training where the upstream normalises over time, padding included (means of a random HuBERT
    moved by 19 % where a third of an item was padding). Otherwise only S3PRL's last frame of an
    item depends on padding. A convolutional ``feature_extractor`` is frozen. ValueError where there
    is no such upstream, or the checkpoint ``path_or_url`` cannot be loaded.
    """

    def __init__(self, upstream: str, path_or_url: str | None = None):
        super().__init__()
        self.upstream = load_upstream(upstream, path_or_url)
        self.num_layers = int(self.upstream.num_layers)
        self.dim = int(self.upstream.hidden_sizes[-1])
        self.normalises_over_time = any(
            isinstance(layer, nn.GroupNorm) for layer in self.upstream.modules()
        )
        for name, parameter in self.upstream.named_parameters():
            if ".feature_extractor." in name:
                parameter.requires_grad_(False)

    def forward(self, speech: torch.Tensor, speech_lengths: torch.Tensor) -> torch.Tensor:
        """Return layer means (B, L, D) of 16 kHz waveforms (B, N), none below one frame."""
        if int(speech_lengths.min()) < SHORTEST_SAMPLES:
            raise ValueError(
                f"{int(speech_lengths.min())} samples are too short for an upstream"
                f" (needs {SHORTEST_SAMPLES}); leave such utterances out"
            )
        if self.training and not self.normalises_over_time:
            return self._means(speech, speech_lengths)
        return torch.cat(
            [
                self._means(wave[None, :length], length[None])
                for wave, length in zip(speech, speech_lengths, strict=True)
            ]
        )

    def _means(self, speech: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return layer means (B, L, D) of one batch as it is."""
        if speech.size(1) in S3PRL_GAP_SAMPLES:
            # Lengths that S3PRL cannot process, see S3prlFeatures.
            speech = nn.functional.pad(speech, (0, S3PRL_GAP_SAMPLES.stop - speech.size(1)))
            longest = lengths == lengths.max()
            lengths = lengths.masked_fill(longest, S3PRL_GAP_SAMPLES.stop)
        states, state_lengths = self.upstream(speech, lengths)
        means = []
        for state, frames in zip(states, state_lengths, strict=True):
            mask = length_mask(frames.to(state.device), state.size(1))[:, :, None].to(state.dtype)
            means.append((state * mask).sum(dim=1) / mask.sum(dim=1))
        return torch.stack(means, dim=1)


class EmotionModel(AbsESPnetModel):
    """One emotion an utterance, from the prosody encoder, an S3PRL upstream, or both.

    Source: [P2V] IV-C: one fully connected layer on the prosody encoder; for fusion the two vectors
    are concatenated before it (Table IV).

    Args:
        normalize: ESPnet's GlobalMVN with the statistics of pretraining.
        augmentation: SpecAugment in training (in fine-tuning not in paper).
        upstream: to fine-tune; None also where vectors of a frozen one are given as data.
        dropout: before the classifier; not in paper.
        class_weights: of the loss, one a class (else ValueError); None as in the paper.
        crop_frames: of the prosody encoder's random crop in training; None as in the paper.
        reads_contours: the prosody encoder's input is no mel but given as ``feats``, see
            ``ser/prosody_input.py``; its bottleneck, if pretraining had one, is left out.
    """

    def __init__(
        self,
        num_emotions: int,
        features: HifiGanMel,
        normalize: nn.Module | None,
        augmentation: nn.Module | None,
        prosody_encoder: ProsodyEncoder | None,
        upstream: FineTunedUpstream | None,
        upstream_pooling: LayerPooling | None,
        dropout: float = 0.0,
        class_weights: Sequence[float] | None = None,
        crop_frames: int | None = None,
        reads_contours: bool = False,
    ):
        super().__init__()
        parts = [part for part in (prosody_encoder, upstream_pooling) if part is not None]
        if not parts:
            raise ValueError("nothing to classify from: give a prosody encoder or an upstream")
        if class_weights is not None and len(class_weights) != num_emotions:
            raise ValueError(f"{len(class_weights)} class_weights for {num_emotions} emotions")
        self.features = features
        self.normalize = normalize
        self.augmentation = augmentation
        self.prosody_encoder = prosody_encoder
        self.upstream = upstream
        self.upstream_pooling = upstream_pooling
        self.dropout = nn.Dropout(dropout)
        self.crop_frames = crop_frames
        self.reads_contours = reads_contours
        weights = None if class_weights is None else torch.tensor(class_weights).float()
        self.register_buffer("class_weights", weights, persistent=False)
        self.classifier = nn.Linear(sum(part.output_dim for part in parts), num_emotions)

    def forward(
        self, emotion: torch.Tensor, **inputs: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """Return loss, statistics and batch size, of emotions (B, 1) and inputs of ``logits``."""
        loss, stats = self.loss(self.logits(**inputs), emotion)
        return force_gatherable((loss, stats, loss.new_tensor(len(emotion))), loss.device)

    def loss(
        self, logits: torch.Tensor, emotion: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the cross-entropy and statistics of logits (B, K) and emotions (B, 1)."""
        targets = emotion[:, 0]
        loss = F.cross_entropy(logits.float(), targets, self.class_weights)
        accuracy = (logits.argmax(dim=1) == targets).float().mean()
        return loss, {"loss": loss.detach(), "acc": accuracy}

    def logits(
        self,
        speech: torch.Tensor | None = None,
        speech_lengths: torch.Tensor | None = None,
        feats: torch.Tensor | None = None,
        feats_lengths: torch.Tensor | None = None,
        upstream_vector: torch.Tensor | None = None,
        **unused: object,
    ) -> torch.Tensor:
        """Return logits (B, K); ValueError where an input that this model needs is missing.

        Args:
            speech: (B, N) 16 kHz waveforms.
            feats: (B, T, M) mels, not normalised, that the prosody encoder takes instead; or
                (B, T, 3) contours relative to the speaker.
            upstream_vector: (B, L, D) layer means of a frozen upstream.
        """
        vectors = []
        if self.prosody_encoder is not None:
            if self.reads_contours and feats is None:
                raise ValueError("this prosody encoder reads contours: give prosody_input.scp")
            audio = (None, None) if feats is not None else (speech, speech_lengths)
            mels, mel_lengths = normalised_mels(
                self.features, self.normalize, *audio, feats, feats_lengths
            )
            if self.training and self.crop_frames is not None:
                mels, mel_lengths = crop_mels(mels, mel_lengths, self.crop_frames)
            if self.training and self.augmentation is not None:
                # espnet_specaug works in place on an input without gradient.
                mels, _ = self.augmentation(mels.clone(), mel_lengths)
            vectors.append(self.prosody_encoder(mels, mel_lengths))
        if self.upstream_pooling is not None:
            if self.upstream is not None:
                if speech is None or speech_lengths is None:
                    raise ValueError("a fine-tuned upstream needs speech, not only feats")
                upstream_vector = self.upstream(speech, speech_lengths)
            if upstream_vector is None:
                raise ValueError("the frozen upstream's vectors are missing: give upstream_vector")
            vectors.append(self.upstream_pooling(upstream_vector))
        return self.classifier(self.dropout(torch.cat(vectors, dim=1)))

    def collect_feats(
        self,
        speech: torch.Tensor | None = None,
        speech_lengths: torch.Tensor | None = None,
        **unused: object,
    ) -> dict[str, torch.Tensor]:
        """Return the mels (B, T, M), not normalised, to be stored for all folds."""
        if speech is None or speech_lengths is None:
            raise ValueError("mels are collected from speech: give wav.scp,speech,sound")
        mels, mel_lengths = self.features(speech, speech_lengths)
        return {"feats": mels, "feats_lengths": mel_lengths}
