"""The emotion classifier as ESPnet's trainer sees it."""

from collections.abc import Sequence

import torch
from espnet2.torch_utils.device_funcs import force_gatherable
from espnet2.train.abs_espnet_model import AbsESPnetModel
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec.features import HifiGanMel
from espnet2_ext.prosody2vec.mel_input import normalised_mels
from espnet2_ext.prosody2vec.prosody_crop import crop_mels
from espnet2_ext.prosody2vec.prosody_encoder import ProsodyEncoder
from espnet2_ext.ser.layer_pooling import LayerPooling
from espnet2_ext.ser.upstream import FineTunedUpstream


class EmotionModel(AbsESPnetModel):
    """One emotion an utterance, from the prosody encoder, an S3PRL upstream, or both.

    Source: [P2V] IV-C: one fully connected layer on the prosody encoder; for fusion the
    two vectors are concatenated before it (Table IV).

    Args:
        num_emotions: K.
        features: waveform to mel.
        normalize: ESPnet's GlobalMVN with the statistics of pretraining; or None.
        augmentation: SpecAugment on the prosody encoder's input while training (in
            fine-tuning not in paper); or None.
        prosody_encoder: or None, where an upstream does alone.
        upstream: an upstream to fine-tune; or None, also where a frozen one's vectors
            are given as data.
        upstream_pooling: of the upstream's layers; None without an upstream.
        dropout: before the classifier; not in paper.
        class_weights: of the loss, one a class; None for equal ones, as in the paper.
        crop_frames: while training, the prosody encoder gets a random stretch of so many
            mel frames; None for all, as in the paper.

    Raises:
        ValueError: nothing to classify from, or as many class weights as there are no
            classes.
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
    ):
        super().__init__()
        if prosody_encoder is None and upstream_pooling is None:
            raise ValueError(
                "nothing to classify from: give a prosody encoder, an upstream, or both"
            )
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
        weights = None
        if class_weights is not None:
            weights = torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)
        width = 0 if prosody_encoder is None else prosody_encoder.output_dim
        width += 0 if upstream_pooling is None else upstream_pooling.output_dim
        self.classifier = nn.Linear(width, num_emotions)

    def forward(
        self, emotion: torch.Tensor, **inputs: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """Return loss, statistics and weight (the batch size), as ESPnet's trainer asks.

        Args:
            emotion: (B, 1) class numbers.
            **inputs: see ``logits``.
        """
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
        """Return logits (B, K).

        Args:
            speech: (B, N) 16 kHz waveforms; the prosody encoder hears feats instead where
                they are given.
            speech_lengths: (B,).
            feats: (B, T, M) kept mels, not normalised.
            feats_lengths: (B,).
            upstream_vector: (B, L, D) layer means of a frozen upstream.

        Raises:
            ValueError: an input that this model needs is not there.
        """
        vectors = []
        if self.prosody_encoder is not None:
            vectors.append(self.prosody(speech, speech_lengths, feats, feats_lengths))
        if self.upstream_pooling is not None:
            vectors.append(self._pooled(speech, speech_lengths, upstream_vector))
        return self.classifier(self.dropout(torch.cat(vectors, dim=1)))

    def prosody(
        self,
        speech: torch.Tensor | None = None,
        speech_lengths: torch.Tensor | None = None,
        feats: torch.Tensor | None = None,
        feats_lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return prosody_embedding (B, P); of part of the mel while training.

        Args: see ``logits``.

        Raises:
            ValueError: neither speech nor feats, or no prosody encoder.
        """
        if self.prosody_encoder is None:
            raise ValueError("this model has no prosody encoder")
        if feats is not None:
            speech = speech_lengths = None
        mels, mel_lengths = normalised_mels(
            self.features, self.normalize, speech, speech_lengths, feats, feats_lengths
        )
        if self.training:
            if self.crop_frames is not None:
                mels, mel_lengths = crop_mels(mels, mel_lengths, self.crop_frames)
            if self.augmentation is not None:
                # espnet_specaug works in place on an input without gradient.
                mels, _ = self.augmentation(mels.clone(), mel_lengths)
        return self.prosody_encoder(mels, mel_lengths)

    def _pooled(
        self,
        speech: torch.Tensor | None,
        speech_lengths: torch.Tensor | None,
        upstream_vector: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return the upstream's vectors (B, D)."""
        assert self.upstream_pooling is not None, "asked by the caller"
        if self.upstream is None:
            if upstream_vector is None:
                raise ValueError("the frozen upstream's vectors are missing: give upstream_vector")
            return self.upstream_pooling(upstream_vector)
        if speech is None or speech_lengths is None:
            raise ValueError("an upstream that is fine-tuned needs speech, not only kept mels")
        return self.upstream_pooling(self.upstream(speech, speech_lengths))

    def collect_feats(
        self,
        speech: torch.Tensor | None = None,
        speech_lengths: torch.Tensor | None = None,
        **unused: object,
    ) -> dict[str, torch.Tensor]:
        """Return the mels (B, T, M), not normalised, to be kept for all folds.

        Raises:
            ValueError: there is no speech.
        """
        if speech is None or speech_lengths is None:
            raise ValueError("mels are collected from speech: give wav.scp,speech,sound")
        mels, mel_lengths = self.features(speech, speech_lengths)
        return {"feats": mels, "feats_lengths": mel_lengths}
