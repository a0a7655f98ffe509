"""The mel decoder: prenet, attention LSTM, decoder LSTM and projections."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from espnet2_ext.prosody2vec.attention import LocationSensitiveAttention


@dataclass(frozen=True)
class DecoderOutput:
    """What a pass over whole sequences returns.

    Attributes:
        mels: (B, S * r, M) normalised.
        stop_logits: (B, S).
        attention: (B, S, U) weights; in the forced pass the given alignment, one-hot.
        log_attention: (B, K, U) log of what the attention itself would have done, at
            ``energy_steps`` only; None in the free pass.
        energy_steps: (K,) step indices; None in the free pass.
    """

    mels: torch.Tensor
    stop_logits: torch.Tensor
    attention: torch.Tensor
    log_attention: torch.Tensor | None = None
    energy_steps: torch.Tensor | None = None


@dataclass(frozen=True)
class DecoderState:
    """Everything a step needs of the steps before it, for a batch of B items."""

    memory: torch.Tensor  # (B, U, D)
    projected_memory: torch.Tensor  # (B, U, A)
    mask: torch.Tensor  # (B, U) units the next step may look at
    unit_lengths: torch.Tensor  # (B,)
    attention_hidden: torch.Tensor  # (B, H)
    attention_cell: torch.Tensor  # (B, H)
    decoder_hidden: torch.Tensor  # (B, H)
    decoder_cell: torch.Tensor  # (B, H)
    weights: torch.Tensor  # (B, U)
    accumulated: torch.Tensor  # (B, U)
    context: torch.Tensor  # (B, D)


class Prenet(nn.Module):
    """Two layers that embed the frame fed back; ``[P2V] Table II``, rows PreNet FC."""

    def __init__(self, input_dim: int, hidden_dim: int, dropout: float):
        super().__init__()
        self.first = nn.Linear(input_dim, hidden_dim)
        self.second = nn.Linear(hidden_dim, hidden_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        hidden = self.dropout(torch.relu(self.first(frames)))
        return self.dropout(torch.relu(self.second(hidden)))


class Prosody2VecDecoder(nn.Module):
    """Memory and earlier frames to mel frames, r frames a step.

    Three ways through the same weights:

    * ``free``: the attention finds its way; a loop over steps ([P2V] III-C).
    * ``forced``: the context is the memory at the known unit, so both LSTMs run over
      whole sequences (not in paper: DESIGN section 5).
    * ``start`` and ``step``: one step at a time, fed by its own output.

    Source: [P2V] III-C and Table II, rows Attention LSTM, Decoder.
    Deviation: a stop logit beside each step (needed to generate), a reduction factor
    (1 in the paper), and dropout in the prenet as in Tacotron 2; none in paper.

    Args:
        memory_dim: D.
        mel_dim: M.
        prenet_dim: width of both prenet layers.
        prenet_dropout: of both prenet layers; off in eval mode.
        attention_lstm_units: H of the attention LSTM.
        attention_dim: see LocationSensitiveAttention.
        location_channels: see LocationSensitiveAttention.
        location_kernel_size: see LocationSensitiveAttention.
        decoder_lstm_units: H of the decoder LSTM.
        reduction_factor: r, mel frames a step.
    """

    def __init__(
        self,
        memory_dim: int,
        mel_dim: int = 80,
        prenet_dim: int = 256,
        prenet_dropout: float = 0.5,
        attention_lstm_units: int = 1408,
        attention_dim: int = 128,
        location_channels: int = 32,
        location_kernel_size: int = 31,
        decoder_lstm_units: int = 1024,
        reduction_factor: int = 1,
    ):
        super().__init__()
        self.mel_dim = mel_dim
        self.reduction_factor = reduction_factor
        self.prenet = Prenet(mel_dim, prenet_dim, prenet_dropout)
        self.attention_lstm = nn.LSTM(
            prenet_dim + memory_dim, attention_lstm_units, batch_first=True
        )
        self.attention = LocationSensitiveAttention(
            attention_lstm_units, memory_dim, attention_dim, location_channels, location_kernel_size
        )
        self.decoder_lstm = nn.LSTM(
            attention_lstm_units + memory_dim, decoder_lstm_units, batch_first=True
        )
        self.projection = nn.Linear(decoder_lstm_units + memory_dim, mel_dim * reduction_factor)
        self.stop = nn.Linear(decoder_lstm_units + memory_dim, 1)

    def step_inputs(self, mels: torch.Tensor) -> torch.Tensor:
        """Return (B, S, M) the frame fed to each step: zeros, then each group's last frame.

        Args:
            mels: (B, S * r, M) normalised; a whole number of groups.
        """
        last_frames = mels[:, self.reduction_factor - 1 :: self.reduction_factor]
        return torch.cat([torch.zeros_like(last_frames[:, :1]), last_frames[:, :-1]], dim=1)

    def free(self, memory: torch.Tensor, mask: torch.Tensor, inputs: torch.Tensor) -> DecoderOutput:
        """Teacher-forced pass in which the attention finds its own way.

        Args:
            memory: (B, U, D).
            mask: (B, U) True at valid units.
            inputs: (B, S, M) of ``step_inputs``.
        """
        state = self.start(memory, mask)
        hidden, contexts, weights = [], [], []
        for embedded in self.prenet(inputs).unbind(dim=1):
            state = self._attend(embedded, state)
            hidden.append(state.attention_hidden)
            contexts.append(state.context)
            weights.append(state.weights)
        mels, stop_logits = self._decode(torch.stack(hidden, dim=1), torch.stack(contexts, dim=1))
        return DecoderOutput(mels, stop_logits, torch.stack(weights, dim=1))

    def forced(
        self,
        memory: torch.Tensor,
        mask: torch.Tensor,
        inputs: torch.Tensor,
        true_units: torch.Tensor,
        energy_steps: torch.Tensor,
    ) -> DecoderOutput:
        """Pass without a loop: the attention is given, as the frames are.

        Args:
            memory: (B, U, D).
            mask: (B, U) True at valid units.
            inputs: (B, S, M) of ``step_inputs``.
            true_units: (B, S) index of the unit at each step; below 0 past an item's end.
            energy_steps: (K,) steps at which the attention's own choice is computed.
        """
        index = true_units.clamp(min=0)
        contexts = memory.gather(1, index[:, :, None].expand(-1, -1, memory.size(2)))
        last_contexts = torch.cat([memory[:, :1], contexts[:, :-1]], dim=1)
        hidden, _ = self.attention_lstm(torch.cat([self.prenet(inputs), last_contexts], dim=2))
        mels, stop_logits = self._decode(hidden, contexts)

        given = torch.nn.functional.one_hot(index, memory.size(1)).to(memory.dtype)
        first = torch.zeros_like(given[:, :1])
        first[:, :, 0] = 1.0
        last = torch.cat([first, given[:, :-1]], dim=1)
        accumulated = last.cumsum(dim=1)
        energies = self.attention.energies(
            hidden[:, energy_steps],
            self.attention.memory(memory)[:, None],
            last[:, energy_steps],
            accumulated[:, energy_steps],
            mask[:, None],
        )
        return DecoderOutput(mels, stop_logits, given, energies.log_softmax(dim=2), energy_steps)

    def start(self, memory: torch.Tensor, mask: torch.Tensor) -> DecoderState:
        """Return the state before the first step: looking at unit 0, all else zero."""
        batch, num_units, _ = memory.shape
        weights = memory.new_zeros(batch, num_units)
        weights[:, 0] = 1.0
        attention_zeros = memory.new_zeros(batch, self.attention_lstm.hidden_size)
        decoder_zeros = memory.new_zeros(batch, self.decoder_lstm.hidden_size)
        return DecoderState(
            memory=memory,
            projected_memory=self.attention.memory(memory),
            mask=mask,
            unit_lengths=mask.sum(dim=1),
            attention_hidden=attention_zeros,
            attention_cell=attention_zeros,
            decoder_hidden=decoder_zeros,
            decoder_cell=decoder_zeros,
            weights=weights,
            accumulated=weights,
            context=memory[:, 0],
        )

    def step(
        self, frame: torch.Tensor, state: DecoderState
    ) -> tuple[torch.Tensor, torch.Tensor, DecoderState]:
        """Return the next r frames (B, r, M), the stop logit (B,) and the new state.

        Args:
            frame: (B, M) the last frame before this step; zeros at the first.
            state: of ``start`` or of the step before.
        """
        state = self._attend(self.prenet(frame), state)
        hidden, cell = _lstm_step(
            self.decoder_lstm,
            torch.cat([state.attention_hidden, state.context], dim=1),
            (state.decoder_hidden, state.decoder_cell),
        )
        features = torch.cat([hidden, state.context], dim=1)
        frames = self.projection(features).view(-1, self.reduction_factor, self.mel_dim)
        stop_logit = self.stop(features).squeeze(1)
        return frames, stop_logit, replace(state, decoder_hidden=hidden, decoder_cell=cell)

    def _attend(self, embedded: torch.Tensor, state: DecoderState) -> DecoderState:
        """Return the state after the attention LSTM and the attention took one step."""
        hidden, cell = _lstm_step(
            self.attention_lstm,
            torch.cat([embedded, state.context], dim=1),
            (state.attention_hidden, state.attention_cell),
        )
        energies = self.attention.energies(
            hidden, state.projected_memory, state.weights, state.accumulated, state.mask
        )
        weights = energies.softmax(dim=1)
        return replace(
            state,
            attention_hidden=hidden,
            attention_cell=cell,
            weights=weights,
            accumulated=state.accumulated + weights,
            context=torch.bmm(weights[:, None], state.memory).squeeze(1),
        )

    def _decode(
        self, hidden: torch.Tensor, contexts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mels (B, S * r, M) and stop logits (B, S) of whole sequences."""
        decoded, _ = self.decoder_lstm(torch.cat([hidden, contexts], dim=2))
        features = torch.cat([decoded, contexts], dim=2)
        mels = self.projection(features).view(len(hidden), -1, self.mel_dim)
        return mels, self.stop(features).squeeze(2)


def _lstm_step(
    lstm: nn.LSTM, inputs: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (hidden, cell) after one step of a one-layer LSTM, without its sequence overhead."""
    [weights] = lstm.all_weights
    return torch.lstm_cell(inputs, state, *weights)
