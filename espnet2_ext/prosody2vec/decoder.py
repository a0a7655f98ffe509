"""The mel decoder: prenet, attention LSTM, decoder LSTM and projections."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec.fast.attention_loop import CHUNK_STEPS, StepRunner, attention_loop
from espnet2_ext.prosody2vec.fast.cuda_graph import GraphSteps
from espnet2_ext.prosody2vec.fast.lstm import (
    at_units,
    lstm_over_gates,
    lstm_weights,
    over_sequence,
    times_rows,
)
from espnet2_ext.prosody2vec.memory import DecoderOutput, DecoderState, Memory

IMPLEMENTATIONS = ("auto", "reference", "fast", "cuda_graph")


class LocationSensitiveAttention(nn.Module):
    """Additive attention over a memory of width D that also sees its own earlier weights.

    Queries have width H (``query_dim``), energies are formed at width A (``attention_dim``) and
    W (``location_kernel_size``) is odd.

    Source: [P2V] III-C (Chorowski et al. 2015) and Table II, rows Query FC, Memory FC,
    Location Conv1D (kernel 31, padding 15), Location FC, Weight FC.
    Deviation: the location convolution sees the last and the accumulated weights, as in NVIDIA's
    Tacotron 2; not in paper (Chorowski et al. have the last alone, Tacotron 2 the accumulated).
    """

    def __init__(
        self,
        query_dim: int,
        memory_dim: int,
        attention_dim: int = 128,
        location_channels: int = 32,
        location_kernel_size: int = 31,
    ):
        super().__init__()
        self.query = nn.Linear(query_dim, attention_dim, bias=False)
        self.memory = nn.Linear(memory_dim, attention_dim, bias=False)
        width = location_kernel_size
        self.location_convolution = nn.Conv1d(
            2, location_channels, width, padding=width // 2, bias=False
        )
        self.location = nn.Linear(location_channels, attention_dim, bias=False)
        # A bias would cancel in the softmax over units.
        self.weight = nn.Linear(attention_dim, 1, bias=False)

    def location_kernel(self) -> torch.Tensor:
        """Return (A, 2 * W): location convolution and layer in one; the last weights come first."""
        return self.location.weight @ self.location_convolution.weight.flatten(1)

    def energies(
        self,
        query: torch.Tensor,
        projected_memory: torch.Tensor,
        last_weights: torch.Tensor,
        accumulated_weights: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Return unnormalised scores (*, U), minus infinity where the mask (*, U) is False.

        * is a step of a batch (B) or some of its steps (B, S); ``query`` is (*, H), the output of
        ``self.memory`` (*, U, A), the weights of the step before and their sum so far (*, U).
        """
        history = torch.stack([last_weights, accumulated_weights], dim=-2)  # (*, 2, U)
        location = self.location_convolution(history.flatten(0, -3)).transpose(1, 2)
        location = self.location(location).unflatten(0, history.shape[:-2])  # (*, U, A)
        hidden = torch.tanh(self.query(query).unsqueeze(-2) + projected_memory + location)
        return self.weight(hidden).squeeze(-1).masked_fill(~mask, float("-inf"))


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

    Three ways through the same weights: ``free`` (teacher-forced frames, soft attention; a loop
    over steps, [P2V] III-C), ``forced`` (the alignment is given as well, so that both LSTMs run
    over whole sequences; not in paper), ``start`` and ``step`` (for generation).

    Source: [P2V] III-C and Table II, rows Attention LSTM, Decoder. Its 1408 "Channels/Nodes" of
    the attention LSTM are taken for the hidden size, as every other row gives the width of an
    output; being 512 + 896 (D), it could be that of an input, the hidden size then not in paper.
    Deviation: none of these is in paper. A stop logit at each step (needed to generate);
    a reduction factor (1 for the paper's 80 outputs a step); dropout in the prenet, as in
    Tacotron 2, which keeps it when generating (here eval mode switches it off); the projection
    reads the context beside the decoder LSTM, as in Tacotron 2; before the first step all
    attention is on unit 0, where the speech begins, and its vector is the context (both are
    zero in NVIDIA's Tacotron 2; in ESPnet's the attention is uniform over the units).

    Args:
        encoded_dim: E, width of U2V's output.
        shared_dim: G, width of speaker and prosody vector together; D = E + G.
        mel_dim: M.
        location_kernel_size: W, see LocationSensitiveAttention.
        reduction_factor: r, mel frames a step.
        implementation: of the soft-attention pass; they agree to rounding. ``reference`` runs
            step by step through autograd; ``fast`` is the loop of ``fast/attention_loop.py``;
            ``cuda_graph`` replays that loop from captured CUDA graphs, or runs ``fast`` where
            capture fails; ``auto`` is ``cuda_graph`` on one GPU and ``fast`` elsewhere.
    """

    def __init__(
        self,
        encoded_dim: int,
        shared_dim: int,
        mel_dim: int = 80,
        prenet_dim: int = 256,
        prenet_dropout: float = 0.5,
        attention_lstm_units: int = 1408,
        attention_dim: int = 128,
        location_channels: int = 32,
        location_kernel_size: int = 31,
        decoder_lstm_units: int = 1024,
        reduction_factor: int = 1,
        implementation: str = "auto",
    ):
        super().__init__()
        if implementation not in IMPLEMENTATIONS:
            raise ValueError(
                f"decoder_conf: implementation {implementation!r} is none of "
                f"{', '.join(IMPLEMENTATIONS)}"
            )
        memory_dim = encoded_dim + shared_dim
        self.implementation = implementation
        self.graphs = GraphSteps(CHUNK_STEPS)
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

        ``mels`` (B, S * r, M) are normalised, a whole number of groups.
        """
        last_frames = mels[:, self.reduction_factor - 1 :: self.reduction_factor]
        return torch.cat([torch.zeros_like(last_frames[:, :1]), last_frames[:, :-1]], dim=1)

    def free(self, memory: Memory, inputs: torch.Tensor) -> DecoderOutput:
        """Return the teacher-forced pass with soft attention over ``step_inputs`` (B, S, M)."""
        embedded = self.prenet(inputs)
        if self.implementation == "reference":
            return self.run_steps(memory, lambda step, _: embedded[:, step], inputs.size(1))
        attention, encoded, shared = self.attention, memory.encoded, memory.shared
        weight, recurrent, bias = lstm_weights(self.attention_lstm)
        own, context, of_shared = weight.split(
            [embedded.size(2), encoded.size(2), shared.size(1)], dim=1
        )
        gates = over_sequence(
            torch.cat([own, of_shared], dim=1), bias, embedded.transpose(0, 1), shared
        )
        projected = over_sequence(attention.memory.weight, None, encoded.transpose(0, 1), shared)
        states, weights = attention_loop(
            gates,
            encoded,
            projected.permute(1, 2, 0),
            memory.mask,
            torch.cat([context, recurrent], dim=1),
            attention.query.weight,
            attention.location_kernel(),
            attention.weight.weight,
            self._runner(encoded.device.type),
        )
        contexts, hidden = states.tensor_split([encoded.size(2)], dim=2)
        sequence = torch.cat([hidden, contexts], dim=2)
        if sequence.device.type == "cpu":
            weight, recurrent, bias = lstm_weights(self.decoder_lstm)
            decoded = lstm_over_gates(over_sequence(weight, bias, sequence, shared), recurrent)
        else:
            decoded = _whole_lstm(self.decoder_lstm, [sequence], shared)
        mels, stop_logits = self._project(decoded, contexts, shared)
        return DecoderOutput(mels, stop_logits, weights.transpose(0, 1))

    def _runner(self, device_type: str) -> StepRunner | None:
        """Return what runs the steps of the attention loop; None for one by one."""
        # The replicas of DataParallel are threads that would capture into the same graphs.
        is_replica = getattr(self, "_is_replica", False)
        automatic = self.implementation == "auto" and device_type == "cuda" and not is_replica
        return self.graphs if automatic or self.implementation == "cuda_graph" else None

    def _project(
        self, decoded: torch.Tensor, contexts: torch.Tensor, shared: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mels (B, S * r, M) and stop logits (B, S) of (S, B, H) and (S, B, E)."""
        weight = torch.cat([self.projection.weight, self.stop.weight])
        bias = torch.cat([self.projection.bias, self.stop.bias])
        features = torch.cat([decoded, contexts], dim=2)
        projected = over_sequence(weight, bias, features, shared).transpose(0, 1)
        mels, stop_logits = projected[:, :, :-1], projected[:, :, -1]
        return mels.reshape(len(mels), -1, self.mel_dim), stop_logits

    def forced(
        self,
        memory: Memory,
        inputs: torch.Tensor,
        true_units: torch.Tensor,
        energy_steps: torch.Tensor,
    ) -> DecoderOutput:
        """Return the pass whose alignment is given; no loop but the LSTMs' own.

        ``inputs`` (B, S, M) are of ``step_inputs``; ``true_units`` (B, S) the index of the unit at
        each step, never decreasing, below 0 past an item's end; ``energy_steps`` (K,) the steps at
        which the attention's own weights are computed.
        """
        units = true_units.clamp(min=0).t()
        last_units = torch.cat([torch.zeros_like(units[:1]), units[:-1]])
        embedded = self.prenet(inputs).transpose(0, 1)
        contexts = _gather(memory.encoded, units)
        if embedded.device.type == "cpu":
            hidden = _lstm_by_unit(self.attention_lstm, embedded, memory, last_units)
            decoded = _lstm_by_unit(self.decoder_lstm, hidden, memory, units)
        else:
            last = _gather(memory.encoded, last_units)
            hidden = _whole_lstm(self.attention_lstm, [embedded, last], memory.shared)
            decoded = _whole_lstm(self.decoder_lstm, [hidden, contexts], memory.shared)
        mels, stop_logits = self._project(decoded, contexts, memory.shared)
        log_attention = self._own_weights(memory, hidden, true_units, energy_steps)
        return DecoderOutput(mels, stop_logits, None, log_attention, energy_steps)

    def _own_weights(
        self,
        memory: Memory,
        hidden: torch.Tensor,
        true_units: torch.Tensor,
        energy_steps: torch.Tensor,
    ) -> torch.Tensor:
        """Return (B, K, U) log weights that the attention would have at some of the steps.

        The weights before them are those of the given alignment: all on the last unit, and
        accumulated as many as there were steps on each. Nothing of size S x U is allocated.
        """
        num_units = memory.encoded.size(1)
        # Before the first step the attention is on unit 0; past an item's end it stays.
        seen = F.pad(true_units, (1, 0))[:, :-1].cummax(dim=1).values.contiguous()  # (B, S)
        last = F.one_hot(seen[:, energy_steps], num_units).to(hidden.dtype)
        # Steps 0 to s saw unit u as often as it stands in seen[0..s], which never decreases.
        units = torch.arange(num_units + 1, device=hidden.device).expand(len(seen), -1)
        first_step = torch.searchsorted(seen, units.contiguous())  # (B, U + 1)
        until = torch.minimum(first_step[:, None], energy_steps[:, None] + 1)  # (B, K, U + 1)
        accumulated = until.diff(dim=2).to(hidden.dtype)
        energies = self.attention.energies(
            hidden[energy_steps].transpose(0, 1),
            self.attention.memory(memory.expanded())[:, None],
            last,
            accumulated,
            memory.mask[:, None],
        )
        return energies.log_softmax(dim=2)

    # ------------------------------------------------------------ single steps

    def start(self, memory: Memory) -> DecoderState:
        """Return the state before the first step."""
        encoded, shared = memory.encoded, memory.shared
        batch, num_units, _ = encoded.shape
        weights = encoded.new_zeros(batch, num_units)
        weights[:, 0] = 1.0
        attention_zeros = encoded.new_zeros(batch, self.attention_lstm.hidden_size)
        decoder_zeros = encoded.new_zeros(batch, self.decoder_lstm.hidden_size)
        return DecoderState(
            memory=memory,
            projected_memory=self.attention.memory(memory.expanded()),
            attention_constant=_constant(self.attention_lstm, shared),
            decoder_constant=_constant(self.decoder_lstm, shared),
            attention_hidden=attention_zeros,
            attention_cell=attention_zeros,
            decoder_hidden=decoder_zeros,
            decoder_cell=decoder_zeros,
            weights=weights,
            accumulated=weights,
            context=encoded[:, 0],
        )

    def run_steps(
        self, memory: Memory, embed: Callable[[int, torch.Tensor], torch.Tensor], num_steps: int
    ) -> DecoderOutput:
        """Return the soft-attention pass step by step.

        ``embed`` takes a step and the last frame generated (B, M), zeros at first, to the prenet's
        output (B, P).
        """
        state = self.start(memory)
        last_frame = memory.encoded.new_zeros(len(memory.encoded), self.mel_dim)
        frames, stop_logits, weights = [], [], []
        for step in range(num_steps):
            group, stop_logit, state = self._step(embed(step, last_frame), state)
            last_frame = group[:, -1]
            frames.append(group)
            stop_logits.append(stop_logit)
            weights.append(state.weights)
        return DecoderOutput(
            torch.cat(frames, dim=1), torch.stack(stop_logits, dim=1), torch.stack(weights, dim=1)
        )

    def step(
        self, frame: torch.Tensor, state: DecoderState
    ) -> tuple[torch.Tensor, torch.Tensor, DecoderState]:
        """Return the next r frames (B, r, M), the stop logit (B,) and the new state.

        ``frame`` (B, M) is the last one before this step, zeros at the first.
        """
        return self._step(self.prenet(frame), state)

    def _step(
        self, embedded: torch.Tensor, state: DecoderState
    ) -> tuple[torch.Tensor, torch.Tensor, DecoderState]:
        """Return the same as ``step``, of a frame (B, P) after the prenet."""
        hidden, cell = _lstm_step(
            self.attention_lstm,
            torch.cat([embedded, state.context], dim=1),
            state.attention_constant,
            (state.attention_hidden, state.attention_cell),
        )
        energies = self.attention.energies(
            hidden, state.projected_memory, state.weights, state.accumulated, state.memory.mask
        )
        weights = energies.softmax(dim=1)
        context = torch.bmm(weights[:, None].to(state.context.dtype), state.memory.encoded)[:, 0]
        decoded, decoder_cell = _lstm_step(
            self.decoder_lstm,
            torch.cat([hidden, context], dim=1),
            state.decoder_constant,
            (state.decoder_hidden, state.decoder_cell),
        )
        features = torch.cat([decoded, context, state.memory.shared], dim=1)
        frames = self.projection(features).view(-1, self.reduction_factor, self.mel_dim)
        state = replace(
            state,
            attention_hidden=hidden,
            attention_cell=cell,
            decoder_hidden=decoded,
            decoder_cell=decoder_cell,
            weights=weights,
            accumulated=state.accumulated + weights,
            context=context,
        )
        return frames, self.stop(features).squeeze(1), state


def _whole_lstm(lstm: nn.LSTM, parts: list[torch.Tensor], shared: torch.Tensor) -> torch.Tensor:
    """Return hidden states (S, B, H) of [parts ; shared]; cuDNN wants its input in one piece."""
    whole = torch.cat([*parts, shared.expand(len(parts[0]), -1, -1)], dim=2)
    return lstm(whole.transpose(0, 1))[0].transpose(0, 1)


def _lstm_by_unit(
    lstm: nn.LSTM, sequence: torch.Tensor, memory: Memory, units: torch.Tensor
) -> torch.Tensor:
    """Return hidden states (S, B, H) of [sequence (S, B, I) ; encoded unit ; shared]."""
    weight, recurrent, bias = lstm_weights(lstm)
    own, unit, shared = weight.split(
        [sequence.size(2), memory.encoded.size(2), memory.shared.size(1)], dim=1
    )
    gates = over_sequence(torch.cat([own, shared], dim=1), bias, sequence, memory.shared)
    gates = gates + at_units(unit, memory.encoded, units)
    return lstm_over_gates(gates, recurrent)


def _gather(encoded: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
    """Return (S, B, E): the encoded unit of each step."""
    return encoded[torch.arange(len(encoded), device=encoded.device), units]


def _constant(lstm: nn.LSTM, shared: torch.Tensor) -> torch.Tensor:
    """Return (B, 4H): the biases and the shared part's share of the gates."""
    weight, _, bias = lstm_weights(lstm)
    return F.linear(shared, weight[:, -shared.size(1) :], bias)


def _lstm_step(
    lstm: nn.LSTM,
    inputs: torch.Tensor,
    constant: torch.Tensor,
    state: tuple[torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (hidden, cell) after a step of inputs (B, I), with the gates' constant (B, 4H)."""
    hidden, cell = state
    weight, recurrent, *_ = lstm.all_weights[0]
    gates = times_rows(weight[:, : inputs.size(1)], inputs)
    gates = gates + times_rows(recurrent, hidden) + constant
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=1)
    cell = forget_gate.sigmoid() * cell + input_gate.sigmoid() * candidate.tanh()
    return output_gate.sigmoid() * cell.tanh(), cell
