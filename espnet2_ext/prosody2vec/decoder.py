"""The mel decoder: prenet, attention LSTM, decoder LSTM and projections."""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec.attention import LocationSensitiveAttention
from espnet2_ext.prosody2vec.attention_loop import CHUNK_STEPS
from espnet2_ext.prosody2vec.decoder_passes import forced_pass, free_pass
from espnet2_ext.prosody2vec.decoder_state import DecoderOutput, DecoderState
from espnet2_ext.prosody2vec.graph_steps import GraphSteps
from espnet2_ext.prosody2vec.memory import Memory
from espnet2_ext.prosody2vec.products import times_rows
from espnet2_ext.prosody2vec.split_products import lstm_weights

IMPLEMENTATIONS = ("auto", "reference", "fast", "cuda_graph")


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
      whole sequences (not in paper).
    * ``start`` and ``step``: one step at a time, fed by its own output.

    Source: [P2V] III-C and Table II, rows Attention LSTM, Decoder.
    Table II gives the attention LSTM 1408 "Channels/Nodes", which is taken for its hidden
    size, as every other row gives what a layer puts out. It is also 512 + 896 (896 is D), so
    that it could be the width of an input; what the hidden size is would then not be in paper.
    Deviation: none of these is in paper. A stop logit beside each step (needed to generate);
    a reduction factor (1 for the paper's 80 outputs a step); dropout in the prenet, as in
    Tacotron 2, which has it when generating too; the projection reads the context beside the
    decoder LSTM, as in Tacotron 2; before the first step all attention is on unit 0 and its
    vector is the context (both are zero in NVIDIA's Tacotron 2, the attention is even over
    the units in ESPnet's).

    Args:
        encoded_dim: E, width of U2V's output.
        shared_dim: G, width of speaker and prosody vector together; D = E + G.
        mel_dim: M.
        prenet_dim: width of both prenet layers.
        prenet_dropout: of both prenet layers; off in eval mode.
        attention_lstm_units: H of the attention LSTM.
        attention_dim: see LocationSensitiveAttention.
        location_channels: see LocationSensitiveAttention.
        location_kernel_size: see LocationSensitiveAttention.
        decoder_lstm_units: H of the decoder LSTM.
        reduction_factor: r, mel frames a step.
        implementation: of the free pass; same numbers to rounding. ``reference`` goes
            step by step through autograd; ``fast`` is the loop of attention_loop.py;
            ``cuda_graph`` replays that loop from captured graphs; ``auto`` is ``fast``.

    Raises:
        ValueError: no such implementation.
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

        Args:
            mels: (B, S * r, M) normalised; a whole number of groups.
        """
        last_frames = mels[:, self.reduction_factor - 1 :: self.reduction_factor]
        return torch.cat([torch.zeros_like(last_frames[:, :1]), last_frames[:, :-1]], dim=1)

    def free(self, memory: Memory, inputs: torch.Tensor) -> DecoderOutput:
        """Return the teacher-forced pass in which the attention finds its own way.

        Args:
            memory: see there.
            inputs: (B, S, M) of ``step_inputs``.
        """
        embedded = self.prenet(inputs)
        if self.implementation == "reference":
            return self._step_by_step(memory, embedded)
        runner = self.graphs if self.implementation == "cuda_graph" else None
        return free_pass(self, memory, embedded, runner)

    def forced(
        self,
        memory: Memory,
        inputs: torch.Tensor,
        true_units: torch.Tensor,
        energy_steps: torch.Tensor,
    ) -> DecoderOutput:
        """Return the pass without a loop: the attention is given, as the frames are.

        Args:
            memory: see there.
            inputs: (B, S, M) of ``step_inputs``.
            true_units: (B, S) index of the unit at each step, never falling; below 0
                past an item's end.
            energy_steps: (K,) steps at which the attention's own choice is computed.
        """
        return forced_pass(self, memory, self.prenet(inputs), true_units, energy_steps)

    def start(self, memory: Memory) -> DecoderState:
        """Return the state before the first step: looking at unit 0, all else zero.

        Deviation: not in paper; it is where the speech begins.
        """
        encoded, shared = memory.encoded, memory.shared
        batch, num_units, _ = encoded.shape
        weights = encoded.new_zeros(batch, num_units)
        weights[:, 0] = 1.0
        attention_zeros = encoded.new_zeros(batch, self.attention_lstm.hidden_size)
        decoder_zeros = encoded.new_zeros(batch, self.decoder_lstm.hidden_size)
        return DecoderState(
            memory=memory,
            mask=memory.mask,
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

    def step(
        self, frame: torch.Tensor, state: DecoderState
    ) -> tuple[torch.Tensor, torch.Tensor, DecoderState]:
        """Return the next r frames (B, r, M), the stop logit (B,) and the new state.

        Args:
            frame: (B, M) the last frame before this step; zeros at the first.
            state: of ``start`` or of the step before.
        """
        return self._step(self.prenet(frame), state)

    def _step(
        self, embedded: torch.Tensor, state: DecoderState
    ) -> tuple[torch.Tensor, torch.Tensor, DecoderState]:
        """Return what ``step`` does, of a frame (B, P) that went through the prenet."""
        hidden, cell = _lstm_step(
            self.attention_lstm,
            torch.cat([embedded, state.context], dim=1),
            state.attention_constant,
            (state.attention_hidden, state.attention_cell),
        )
        energies = self.attention.energies(
            hidden, state.projected_memory, state.weights, state.accumulated, state.mask
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

    def _step_by_step(self, memory: Memory, embedded: torch.Tensor) -> DecoderOutput:
        """Return the free pass, one step after the other."""
        state = self.start(memory)
        frames, stop_logits, weights = [], [], []
        for frame in embedded.unbind(dim=1):
            group, stop_logit, state = self._step(frame, state)
            frames.append(group)
            stop_logits.append(stop_logit)
            weights.append(state.weights)
        return DecoderOutput(
            torch.cat(frames, dim=1), torch.stack(stop_logits, dim=1), torch.stack(weights, dim=1)
        )


def _constant(lstm: nn.LSTM, shared: torch.Tensor) -> torch.Tensor:
    """Return (B, 4H): biases and what the shared part of the memory adds at every step."""
    weight, _, bias = lstm_weights(lstm)
    return F.linear(shared, weight[:, -shared.size(1) :], bias)


def _lstm_step(
    lstm: nn.LSTM,
    inputs: torch.Tensor,
    constant: torch.Tensor,
    state: tuple[torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (hidden, cell) after one step of a one-layer LSTM.

    Args:
        lstm: whose input is [inputs ; shared].
        inputs: (B, I).
        constant: (B, 4H) of ``_constant``.
        state: hidden and cell of the step before.
    """
    hidden, cell = state
    weight, recurrent, *_ = lstm.all_weights[0]
    gates = times_rows(weight[:, : inputs.size(1)], inputs)
    gates = gates + times_rows(recurrent, hidden) + constant
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=1)
    cell = forget_gate.sigmoid() * cell + input_gate.sigmoid() * candidate.tanh()
    return output_gate.sigmoid() * cell.tanh(), cell
