"""An S3PRL upstream that is fine-tuned inside the emotion model."""

import torch
from torch import nn

from espnet2_ext.prosody2vec.masks import length_mask
from espnet2_ext.units.s3prl_features import S3PRL_GAP_SAMPLES, SHORTEST_SAMPLES, load_upstream


class FineTunedUpstream(nn.Module):
    """Waveforms to the mean over time of every hidden state, with gradients.

    In eval mode utterances go one by one, so that a prediction does not depend on its
    neighbours. So they do while training where the upstream normalises over time, as base
    models do behind their first convolution, padding included: a random HuBERT's means moved
    by 19 % where a third of an item was padding. Other upstreams take a training batch at
    once: only S3PRL's last frame of an item, partly past its end, then hears padding.

    Args:
        upstream: name in S3PRL's hub.
        path_or_url: checkpoint, for upstreams named ``*_custom``, ``*_local``, ``*_url``.
        train_feature_extractor: False keeps the convolutions in front as they are, as is
            usual when fine-tuning on little data; only where the upstream has a
            ``feature_extractor``.

    Raises:
        ValueError: no such upstream, or the checkpoint cannot be loaded.
    """

    def __init__(
        self, upstream: str, path_or_url: str | None = None, train_feature_extractor: bool = False
    ):
        super().__init__()
        self.upstream = load_upstream(upstream, path_or_url)
        self.num_layers = int(self.upstream.num_layers)
        self.dim = int(self.upstream.hidden_sizes[-1])
        self.normalises_over_time = any(
            isinstance(layer, nn.GroupNorm) for layer in self.upstream.modules()
        )
        if not train_feature_extractor:
            for name, parameter in self.upstream.named_parameters():
                if ".feature_extractor." in name:
                    parameter.requires_grad_(False)

    def forward(self, speech: torch.Tensor, speech_lengths: torch.Tensor) -> torch.Tensor:
        """Return layer means (B, L, D).

        Args:
            speech: (B, N) 16 kHz waveforms.
            speech_lengths: (B,) samples of each.

        Raises:
            ValueError: an utterance is shorter than one frame.
        """
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
            # Lengths that S3PRL cannot do, see S3prlFeatures.
            speech = nn.functional.pad(speech, (0, S3PRL_GAP_SAMPLES.stop - speech.size(1)))
            longest = lengths == lengths.max()
            lengths = lengths.masked_fill(longest, S3PRL_GAP_SAMPLES.stop)
        states, state_lengths = self.upstream(speech, lengths)
        means = []
        for state, frames in zip(states, state_lengths, strict=True):
            mask = length_mask(frames.to(state.device), state.size(1))[:, :, None].to(state.dtype)
            means.append((state * mask).sum(dim=1) / mask.sum(dim=1))
        return torch.stack(means, dim=1)
