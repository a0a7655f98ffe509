"""What narrows the prosody vector, so that it holds little besides prosody; not in paper."""

import torch
from torch import nn
from torch.nn import functional as F


class FiniteScalarQuantizer(nn.Module):
    """Each dimension of the vector takes one of L levels between -1 and 1.

    A vector of D dimensions is then a code of D * log2(L) bits. The gradient passes the
    rounding as if it were not there.

    Source: Mentzer et al. 2023, "Finite Scalar Quantization" (arXiv 2309.15505), odd L.
    Deviation: all dimensions have the same number of levels.

    Args:
        levels: L, odd and at least 3.

    Raises:
        ValueError: levels is even or below 3.
    """

    def __init__(self, levels: int = 5):
        super().__init__()
        if levels < 3 or levels % 2 == 0:
            raise ValueError(f"bottleneck levels must be odd and at least 3: {levels}")
        self.levels = levels

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return the quantised vectors (*, D), values in [-1, 1]."""
        half = (self.levels - 1) / 2
        bounded = torch.tanh(vectors) * half
        return (bounded + (bounded.round() - bounded).detach()) / half

    def codes(self, quantised: torch.Tensor) -> torch.Tensor:
        """Return the level (*, D) of each dimension, 0 to L - 1, of ``forward``'s vectors."""
        half = (self.levels - 1) / 2
        return (quantised * half + half).round().long()


class _ReversedGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, vectors: torch.Tensor, weight: float) -> torch.Tensor:
        ctx.weight = weight
        return vectors.view_as(vectors)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.weight * gradient, None


class AdversarialSpeakerClassifier(nn.Module):
    """Learns to tell the speaker from the vector, which learns to prevent it.

    Source: gradient reversal, Ganin and Lempitsky 2015 (arXiv 1409.7495).

    Args:
        input_dim: width of the vector.
        num_speakers: of the training set.
        weight: of the reversed gradient.
        hidden_dim: of its hidden layer.
    """

    def __init__(
        self, input_dim: int, num_speakers: int, weight: float = 0.5, hidden_dim: int = 128
    ):
        super().__init__()
        self.weight = weight
        self.network = nn.Sequential(
            nn.Linear(input_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, num_speakers)
        )

    def forward(
        self, vectors: torch.Tensor, speakers: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the classifier's loss and its share of right answers, both scalars.

        Args:
            vectors: (B, D).
            speakers: (B,) indices.
        """
        logits = self.network(_ReversedGradient.apply(vectors, self.weight))
        accuracy = (logits.detach().argmax(dim=1) == speakers).float().mean()
        return F.cross_entropy(logits, speakers), accuracy
