"""The mel decoder of the explicit path: it is told which unit it speaks, so it has no attention.

Durations are given in training and predicted in generation: nothing skips, loops or fails to
stop. Not in paper, whose decoder is ``decoder.Prosody2VecDecoder``.
"""

import torch
from torch import nn

from espnet2_ext.prosody2vec.decoder import (
    Prenet,
    _constant,
    _lstm_by_unit,
    _lstm_step,
    _whole_lstm,
)
from espnet2_ext.prosody2vec.memory import Memory


class AlignedDecoder(nn.Module):
    """Two LSTMs over [frame fed back ; unit ; speaker and prosody], r frames a step.

    Source: [P2V] III-C and Table II without the attention.

    Args:
        encoded_dim: E, width of what stands at a unit.
        shared_dim: G, width of what is the same at all units.
        mel_dim: M.
        prenet_dim: width of both prenet layers.
        prenet_dropout: of both; off in eval mode.
        first_lstm_units: H of the first LSTM (the paper's attention LSTM).
        second_lstm_units: H of the second (the paper's decoder LSTM).
        reduction_factor: r, mel frames a step.
    """

    def __init__(
        self,
        encoded_dim: int,
        shared_dim: int,
        mel_dim: int = 80,
        prenet_dim: int = 256,
        prenet_dropout: float = 0.5,
        first_lstm_units: int = 1408,
        second_lstm_units: int = 1024,
        reduction_factor: int = 1,
    ):
        super().__init__()
        memory_dim = encoded_dim + shared_dim
        self.mel_dim = mel_dim
        self.reduction_factor = reduction_factor
        self.prenet = Prenet(mel_dim, prenet_dim, prenet_dropout)
        self.first_lstm = nn.LSTM(prenet_dim + memory_dim, first_lstm_units, batch_first=True)
        self.second_lstm = nn.LSTM(
            first_lstm_units + memory_dim, second_lstm_units, batch_first=True
        )
        self.projection = nn.Linear(second_lstm_units + memory_dim, mel_dim * reduction_factor)

    def step_inputs(self, mels: torch.Tensor) -> torch.Tensor:
        """Return (B, S, M) the frame fed to each step: zeros, then each group's last frame.

        Args:
            mels: (B, S * r, M) normalised; a whole number of groups.
        """
        last_frames = mels[:, self.reduction_factor - 1 :: self.reduction_factor]
        return torch.cat([torch.zeros_like(last_frames[:, :1]), last_frames[:, :-1]], dim=1)

    def forward(
        self, memory: Memory, inputs: torch.Tensor, unit_of_step: torch.Tensor
    ) -> torch.Tensor:
        """Return mels (B, S * r, M) of a teacher-forced pass; no loop but the LSTMs' own.

        Args:
            memory: see there.
            inputs: (B, S, M) of ``step_inputs``.
            unit_of_step: (B, S) index of the unit at each step; below 0 past an item's end.
        """
        embedded = self.prenet(inputs).transpose(0, 1)
        units = unit_of_step.clamp(min=0).t()
        last_units = torch.cat([torch.zeros_like(units[:1]), units[:-1]])
        contexts = _at_units(memory.encoded, units)
        if embedded.device.type == "cpu":
            hidden = _lstm_by_unit(self.first_lstm, embedded, memory, last_units)
            hidden = _lstm_by_unit(self.second_lstm, hidden, memory, units)
        else:
            last = _at_units(memory.encoded, last_units)
            hidden = _whole_lstm(self.first_lstm, [embedded, last], memory.shared)
            hidden = _whole_lstm(self.second_lstm, [hidden, contexts], memory.shared)
        beside = memory.shared.expand(len(hidden), -1, -1)
        mels = self.projection(torch.cat([hidden, contexts, beside], dim=2)).transpose(0, 1)
        return mels.reshape(len(mels), -1, self.mel_dim)

    @torch.no_grad()
    def generate(
        self, memory: Memory, frames: torch.Tensor
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return a mel (T, M) and the units of its steps (S,) for each item, alone or in a batch.

        Args:
            memory: see there.
            frames: (B, U) duration of each unit in mel frames, 0 past an item's end; T is their
                sum, rounded, at least r.

        Raises:
            ValueError: the decoder is in train mode.
        """
        if self.training:
            raise ValueError("generate() needs a model in eval mode: call model.eval()")
        group = self.reduction_factor
        ends = frames.double().cumsum(dim=1).round().long()
        lengths = ends[:, -1].clamp(min=group)
        steps = -(-int(lengths.max()) // group)
        centres = torch.arange(steps, device=frames.device) * group + (group - 1) / 2
        units = torch.searchsorted(
            ends.double(), centres.double().expand(len(ends), -1).contiguous(), right=True
        )
        units = torch.minimum(units, (memory.mask.sum(dim=1) - 1)[:, None])
        items = torch.arange(len(ends), device=frames.device)
        first, second = (
            _constant(self.first_lstm, memory.shared),
            _constant(self.second_lstm, memory.shared),
        )
        first_state = _zeros(self.first_lstm, memory.encoded)
        second_state = _zeros(self.second_lstm, memory.encoded)
        frame = memory.encoded.new_zeros(len(ends), self.mel_dim)
        context = memory.encoded[:, 0]
        groups = []
        for step in range(steps):
            inputs = torch.cat([self.prenet(frame), context], dim=1)
            first_state = _lstm_step(self.first_lstm, inputs, first, first_state)
            context = memory.encoded[items, units[:, step]]
            inputs = torch.cat([first_state[0], context], dim=1)
            second_state = _lstm_step(self.second_lstm, inputs, second, second_state)
            features = torch.cat([second_state[0], context, memory.shared], dim=1)
            groups.append(self.projection(features).view(-1, group, self.mel_dim))
            frame = groups[-1][:, -1]
        mels = torch.cat(groups, dim=1)
        return [
            (mel[:length], item[: -(-length // group)])
            for mel, item, length in zip(mels, units, lengths.tolist(), strict=True)
        ]


def _at_units(encoded: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
    """Return (S, B, E): what stands at the unit (S, B) of each step."""
    return encoded[torch.arange(len(encoded), device=encoded.device), units]


def _zeros(lstm: nn.LSTM, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    zeros = like.new_zeros(len(like), lstm.hidden_size)
    return zeros, zeros
