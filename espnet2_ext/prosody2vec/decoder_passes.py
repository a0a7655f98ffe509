"""The decoder over whole sequences, with as little as possible inside a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec.attention_loop import StepRunner, attention_loop
from espnet2_ext.prosody2vec.decoder_state import DecoderOutput
from espnet2_ext.prosody2vec.lstm_over_gates import lstm_over_gates
from espnet2_ext.prosody2vec.memory import Memory
from espnet2_ext.prosody2vec.split_products import at_units, lstm_weights, over_sequence

if TYPE_CHECKING:
    from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder


def free_pass(
    decoder: Prosody2VecDecoder,
    memory: Memory,
    embedded: torch.Tensor,
    runner: StepRunner | None = None,
) -> DecoderOutput:
    """Return the teacher-forced pass; only the attention and its LSTM stay in a loop.

    Args:
        decoder: whose weights are used.
        memory: see there.
        embedded: (B, S, P) of the prenet.
        runner: goes through the steps; None for one by one.
    """
    attention, encoded = decoder.attention, memory.encoded
    weight, recurrent, bias = lstm_weights(decoder.attention_lstm)
    prenet_dim, width = embedded.size(2), encoded.size(2)
    own, context, shared = weight.split([prenet_dim, width, memory.shared.size(1)], dim=1)
    gates = over_sequence(
        torch.cat([own, shared], dim=1), bias, embedded.transpose(0, 1), memory.shared
    )
    projected = over_sequence(attention.memory.weight, None, encoded.transpose(0, 1), memory.shared)
    states, weights = attention_loop(
        gates,
        encoded,
        projected.permute(1, 2, 0),
        memory.mask,
        torch.cat([context, recurrent], dim=1),
        attention.query.weight,
        attention.location_kernel(),
        attention.weight.weight,
        runner,
    )
    contexts, hidden = states.split([width, states.size(2) - width], dim=2)
    mels, stop_logits = _decode(decoder, hidden, contexts, memory.shared)
    return DecoderOutput(mels, stop_logits, weights.transpose(0, 1))


def _decode(
    decoder: Prosody2VecDecoder, hidden: torch.Tensor, contexts: torch.Tensor, shared: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mels (B, S * r, M) and stop logits (B, S) of sequences, time first."""
    sequence = torch.cat([hidden, contexts], dim=2)
    if sequence.device.type == "cpu":
        weight, recurrent, bias = lstm_weights(decoder.decoder_lstm)
        decoded = lstm_over_gates(over_sequence(weight, bias, sequence, shared), recurrent)
    else:
        decoded = _whole_lstm(decoder.decoder_lstm, [sequence], shared)
    return _project(decoder, torch.cat([decoded, contexts], dim=2), shared)


def _whole_lstm(lstm: nn.LSTM, parts: list[torch.Tensor], shared: torch.Tensor) -> torch.Tensor:
    """Return hidden states (S, B, H) of [parts ; shared]; cuDNN wants its input in one piece."""
    steps = len(parts[0])
    whole = torch.cat([*parts, shared.expand(steps, -1, -1)], dim=2)
    return lstm(whole.transpose(0, 1))[0].transpose(0, 1)


def _project(
    decoder: Prosody2VecDecoder, features: torch.Tensor, shared: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mels (B, S * r, M) and stop logits (B, S) of features (S, B, H + E)."""
    weight = torch.cat([decoder.projection.weight, decoder.stop.weight])
    bias = torch.cat([decoder.projection.bias, decoder.stop.bias])
    projected = over_sequence(weight, bias, features, shared).transpose(0, 1)
    mels, stop_logits = projected[:, :, :-1], projected[:, :, -1]
    return mels.reshape(len(mels), -1, decoder.mel_dim), stop_logits


def forced_pass(
    decoder: Prosody2VecDecoder,
    memory: Memory,
    embedded: torch.Tensor,
    true_units: torch.Tensor,
    energy_steps: torch.Tensor,
) -> DecoderOutput:
    """Return the pass whose attention is given; no loop but the LSTMs' own.

    Args:
        decoder: whose weights are used.
        memory: see there.
        embedded: (B, S, P) of the prenet.
        true_units: (B, S) never falling; below 0 past an item's end.
        energy_steps: (K,) steps at which the attention's own choice is computed.
    """
    units = true_units.clamp(min=0).t()
    last_units = torch.cat([torch.zeros_like(units[:1]), units[:-1]])
    embedded = embedded.transpose(0, 1)
    contexts = _gather(memory.encoded, units)
    if embedded.device.type == "cpu":
        hidden = _lstm_by_unit(decoder.attention_lstm, embedded, memory, last_units)
        decoded = _lstm_by_unit(decoder.decoder_lstm, hidden, memory, units)
    else:
        last = _gather(memory.encoded, last_units)
        hidden = _whole_lstm(decoder.attention_lstm, [embedded, last], memory.shared)
        decoded = _whole_lstm(decoder.decoder_lstm, [hidden, contexts], memory.shared)
    mels, stop_logits = _project(decoder, torch.cat([decoded, contexts], dim=2), memory.shared)
    log_attention = _own_choice(decoder, memory, hidden, true_units, energy_steps)
    return DecoderOutput(mels, stop_logits, None, log_attention, energy_steps)


def _lstm_by_unit(
    lstm: nn.LSTM, sequence: torch.Tensor, memory: Memory, units: torch.Tensor
) -> torch.Tensor:
    """Return hidden states (S, B, H) of [sequence ; encoded unit ; shared].

    Args:
        lstm: one layer.
        sequence: (S, B, I).
        memory: see there.
        units: (S, B) the unit beside each step.
    """
    weight, recurrent, bias = lstm_weights(lstm)
    width, encoded_dim = sequence.size(2), memory.encoded.size(2)
    own, unit, shared = weight.split([width, encoded_dim, memory.shared.size(1)], dim=1)
    gates = over_sequence(torch.cat([own, shared], dim=1), bias, sequence, memory.shared)
    gates = gates + at_units(unit, memory.encoded, units)
    return lstm_over_gates(gates, recurrent)


def _gather(encoded: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
    """Return (S, B, E): the encoded unit of each step."""
    items = torch.arange(len(encoded), device=encoded.device)
    return encoded[items, units]


def _own_choice(
    decoder: Prosody2VecDecoder,
    memory: Memory,
    hidden: torch.Tensor,
    true_units: torch.Tensor,
    energy_steps: torch.Tensor,
) -> torch.Tensor:
    """Return (B, K, U): log of the attention, had it been asked at some of the steps.

    What it would have seen of the past is the given alignment's: all on the last unit,
    and so many steps on each before. Nothing of size S x U is made.

    Args:
        decoder: whose attention is asked.
        memory: see there.
        hidden: (S, B, H) of the attention LSTM.
        true_units: (B, S).
        energy_steps: (K,).
    """
    num_units = memory.encoded.size(1)
    # Before the first step the attention stood on unit 0; past an item's end it stays.
    seen = F.pad(true_units, (1, 0))[:, :-1].cummax(dim=1).values.contiguous()  # (B, S)
    last = F.one_hot(seen[:, energy_steps], num_units).to(hidden.dtype)
    # Steps 0 to s saw unit u as often as it stands in seen[0..s], which never falls.
    units = torch.arange(num_units + 1, device=hidden.device).expand(len(seen), -1)
    first_step = torch.searchsorted(seen, units.contiguous())  # (B, U + 1)
    until = torch.minimum(first_step[:, None], energy_steps[:, None] + 1)  # (B, K, U + 1)
    accumulated = until.diff(dim=2).to(hidden.dtype)
    energies = decoder.attention.energies(
        hidden[energy_steps].transpose(0, 1),
        decoder.attention.memory(memory.expanded())[:, None],
        last,
        accumulated,
        memory.mask[:, None],
    )
    return energies.log_softmax(dim=2)
