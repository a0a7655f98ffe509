"""U2V: discrete units to a sequence of vectors."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from espnet2_ext.prosody2vec.lstm_over_gates import lstm_over_gates
from espnet2_ext.prosody2vec.masks import length_mask


class UnitEncoder(nn.Module):
    """Embedding, convolutions and a bidirectional LSTM over de-duplicated units.

    Source: [P2V] III-A and Table II, rows U2V.
    Deviation: the paper names no normalisation or dropout between convolutions; layer
    normalisation is used because it sees one position only, so that padding cannot
    change a result even while training.

    Args:
        num_units: size of the k-means vocabulary; ids run from 0 to num_units - 1.
        channels: width of the embedding and of every convolution.
        kernel_size: of every convolution, odd.
        num_convolutions: how many.
        lstm_units: H of the LSTM in each direction; the output width is twice that.
        dropout: after every convolution.
    """

    def __init__(
        self,
        num_units: int,
        channels: int = 512,
        kernel_size: int = 5,
        num_convolutions: int = 3,
        lstm_units: int = 256,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.num_units = num_units
        self.output_dim = 2 * lstm_units
        self.embedding = nn.Embedding(num_units, channels)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2)
            for _ in range(num_convolutions)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(num_convolutions))
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(channels, lstm_units, batch_first=True, bidirectional=True)

    def forward(self, units: torch.Tensor, unit_lengths: torch.Tensor) -> torch.Tensor:
        """Return (B, U, 2H), zero past each item's end.

        Args:
            units: (B, U) ids; any value stands past the lengths.
            unit_lengths: (B,) at least 1 each.
        """
        mask = length_mask(unit_lengths, units.size(1))[:, :, None]
        hidden = self.embedding(units.masked_fill(~mask.squeeze(2), 0))
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = convolution((hidden * mask).transpose(1, 2)).transpose(1, 2)
            hidden = self.dropout(torch.relu(norm(hidden)))
        if hidden.device.type == "cpu":
            return self._both_directions(hidden, unit_lengths) * mask
        packed = pack_padded_sequence(
            hidden, unit_lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        encoded, _ = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=units.size(1)
        )
        return encoded

    def _both_directions(self, hidden: torch.Tensor, unit_lengths: torch.Tensor) -> torch.Tensor:
        """Return (B, U, 2H) of the LSTM, its second half backward from each item's own end.

        On a CPU PyTorch runs packed sequences step by step through autograd, which takes
        several times as long.
        """
        positions = torch.arange(hidden.size(1), device=hidden.device)
        mirrored = unit_lengths[:, None] - 1 - positions
        mirrored = torch.where(mirrored < 0, positions, mirrored)  # padding stays where it is
        outputs = []
        for suffix in ("", "_reverse"):
            weight, recurrent, bias, other_bias = (
                getattr(self.lstm, name + suffix)
                for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
            )
            sequence = _reordered(hidden, mirrored) if suffix else hidden
            gates = F.linear(sequence, weight, bias + other_bias).transpose(0, 1)
            output = lstm_over_gates(gates, recurrent).transpose(0, 1)
            outputs.append(_reordered(output, mirrored) if suffix else output)
        return torch.cat(outputs, dim=2)


def _reordered(sequence: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Return (B, U, C): each item's vectors in the order of positions (B, U)."""
    return sequence.gather(1, positions[:, :, None].expand_as(sequence))
