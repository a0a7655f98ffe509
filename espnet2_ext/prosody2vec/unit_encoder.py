"""U2V: discrete units to a sequence of vectors."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

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
        packed = pack_padded_sequence(
            hidden, unit_lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        encoded, _ = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=units.size(1)
        )
        return encoded
