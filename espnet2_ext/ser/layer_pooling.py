"""From the mean over time of an upstream's hidden states to one vector an utterance."""

import torch
from torch import nn

from espnet2_ext.prosody2vec.masked_batch_norm import MaskedBatchNorm1d

WEIGHTED = "weighted"
LAST = "last"


class LayerPooling(nn.Module):
    """One layer, or a learnt weighted sum of all.

    A mean over time and a weighted sum over layers can change places, so the means of all
    layers are all that has to be kept of a frozen upstream, whatever is learnt later.

    Source: [P2V] IV-C concatenates an upstream's vector with the prosody vector; how it is
    pooled is not in paper. The weighted sum is SUPERB's.

    Args:
        num_layers: L.
        dim: width of a layer.
        layer: ``last``, ``weighted``, or a layer's number.
        standardise: by the mean and variance of the training batches, without learnt
            scale: hidden states of large models differ by orders of magnitude.

    Raises:
        ValueError: no such layer.
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
                raise ValueError(
                    f"upstream layer {layer!r}: expected {LAST}, {WEIGHTED} or 0 to"
                    f" {num_layers - 1}"
                )
            self.layer = int(layer)

    def forward(self, layer_means: torch.Tensor) -> torch.Tensor:
        """Return vectors (B, D).

        Args:
            layer_means: (B, L, D).
        """
        if self.weights is None:
            pooled = layer_means[:, self.layer]
        else:
            pooled = torch.einsum("bld,l->bd", layer_means, self.weights.softmax(dim=0))
        return self.norm(pooled)
