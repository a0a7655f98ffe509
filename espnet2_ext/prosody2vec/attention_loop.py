"""The teacher-forced attention loop as one autograd function, exact and lean.

The attention LSTM needs the last context and the attention needs the LSTM, so one loop
over time remains. Everything else is outside it: input products before, decoder LSTM and
projections after, and of the gradients all that is a sum over time.
"""

from typing import Protocol

import torch
from torch.autograd.function import once_differentiable

from espnet2_ext.prosody2vec.attention_steps import (
    LoopGradients,
    LoopWeights,
    StepGradients,
    Steps,
    backward_steps,
    forward_steps,
)
from espnet2_ext.prosody2vec.precision import product_dtype
from espnet2_ext.prosody2vec.products import rows_for_product

CHUNK_STEPS = 32
"""Steps whose energies are held at once while going backward; memory grows with it."""


class StepRunner(Protocol):
    """Goes through steps: ``OneByOne`` here, ``GraphSteps`` in graph_steps.py.

    Attributes:
        count: steps of a chunk when going backward, the first chunk starting at step 0.
    """

    count: int

    def forward(self, loop: LoopWeights, steps: Steps) -> None:
        """See ``forward_steps``."""

    def backward(
        self,
        loop: LoopWeights,
        transposed: torch.Tensor,
        chunk: Steps,
        histories: torch.Tensor,
        received: StepGradients,
        sums: LoopGradients,
    ) -> torch.Tensor:
        """See ``backward_steps``; the last chunk comes first."""


class OneByOne:
    """Goes through the steps one by one."""

    count = CHUNK_STEPS
    forward = staticmethod(forward_steps)
    backward = staticmethod(backward_steps)


def attention_loop(
    gates: torch.Tensor,
    encoded: torch.Tensor,
    projected: torch.Tensor,
    mask: torch.Tensor,
    recurrent: torch.Tensor,
    query: torch.Tensor,
    location: torch.Tensor,
    score: torch.Tensor,
    runner: StepRunner | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return states (S, B, E + H) and weights (S, B, U); see AttentionLoop, this minds autocast.

    Under autocast the products are in its precision; gates, cells, energies and weights
    stay in that of the parameters.

    Args:
        gates: (S, B, 4H) input products and biases of the attention LSTM, time first.
        encoded: (B, U, E).
        projected: (B, A, U) what the memory layer makes of the whole memory.
        mask: (B, U) True at valid units.
        recurrent: (4H, E + H).
        query: (A, H).
        location: (A, 2 * W).
        score: (1, A).
        runner: goes through the steps; None for one by one.
    """
    own, dtype = recurrent.dtype, product_dtype(recurrent)
    penalty = torch.zeros(mask.shape, dtype=own, device=mask.device)
    penalty.masked_fill_(~mask, float("-inf"))
    weights = (tensor.to(dtype) for tensor in (recurrent, query, location, score))
    with torch.autocast(gates.device.type, enabled=False):
        return AttentionLoop.apply(
            gates.to(own),
            encoded.to(dtype),
            projected.to(dtype).contiguous(),
            penalty,
            *weights,
            runner or OneByOne(),
        )


# Its methods name their arguments, where torch declares *args: hence "type: ignore" on both.
class AttentionLoop(torch.autograd.Function):
    """States and attention weights of all steps.

    Kept for the gradient are gates, cells, contexts, hidden states and weights, about
    6 H + E + U numbers a step and item; energies, of which there are A x U, are computed
    again while going backward.
    """

    # torch declares forward and backward with *args; these name theirs.
    @staticmethod
    def forward(  # type: ignore[override]
        ctx,
        gates: torch.Tensor,
        encoded: torch.Tensor,
        projected: torch.Tensor,
        penalty: torch.Tensor,
        recurrent: torch.Tensor,
        query: torch.Tensor,
        location: torch.Tensor,
        score: torch.Tensor,
        runner: StepRunner,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return states (S, B, E + H), contexts and hidden states, and weights (S, B, U).

        Args:
            ctx: of autograd.
            gates: (S, B, 4H) input products and biases of the attention LSTM, time first.
            encoded: (B, U, E); its dtype is that of the products.
            projected: (B, A, U).
            penalty: (B, U) 0 at valid units, minus infinity elsewhere.
            recurrent: (4H, E + H).
            query: (A, H).
            location: (A, 2 * W).
            score: (1, A).
            runner: goes through the steps.
        """
        loop = LoopWeights(recurrent, query, location, score, encoded, projected, penalty)
        steps = first_state(loop, gates)
        runner.forward(loop, steps)
        ctx.runner = runner
        ctx.save_for_backward(
            encoded, projected, penalty, recurrent, query, location, score,
            steps.gates, steps.operands, steps.cells, steps.weights,
        )  # fmt: skip
        return steps.operands[1:, : len(encoded)], steps.weights[1:]

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]
        ctx, states: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients in the order of ``forward``'s arguments."""
        encoded, projected, penalty, recurrent, query, location, score, *states_before = (
            ctx.saved_tensors
        )
        loop = LoopWeights(recurrent, query, location, score, encoded, projected, penalty)
        gates, operands, cells, attention = states_before
        steps = Steps(gates, operands, cells, attention, history=attention.new_empty(0))
        return (*gradients_of_loop(loop, steps, states, weights, ctx.runner), None)


def first_state(loop: LoopWeights, gates: torch.Tensor) -> Steps:
    """Return states of all steps with the first filled in: all weight on unit 0."""
    count, batch, _ = gates.shape
    _, units, width = loop.encoded.shape
    lstm_units = gates.size(2) // 4
    rows = rows_for_product(batch, gates.device)
    operands = loop.encoded.new_zeros(count + 1, rows, width + lstm_units)
    operands[0, :batch, :width] = loop.encoded[:, 0]
    weights = gates.new_zeros(count + 1, batch, units)
    weights[0, :, 0] = 1.0
    history = gates.new_zeros(batch, 2, units)
    history[:, :, 0] = 1.0
    cells = gates.new_zeros(count + 1, batch, lstm_units)
    return Steps(gates.clone(), operands, cells, weights, history)


def gradients_of_loop(
    loop: LoopWeights,
    steps: Steps,
    states: torch.Tensor,
    weights: torch.Tensor,
    runner: StepRunner,
) -> tuple[torch.Tensor | None, ...]:
    """Return the gradients of the arguments of ``AttentionLoop``, in their order.

    Args:
        loop: of the forward pass.
        steps: of the forward pass.
        states: (S, B, E + H) gradients of the results.
        weights: (S, B, U) gradients of the results.
        runner: goes through the steps of a chunk.
    """
    count, batch, _ = steps.gates.shape
    _, units, width = loop.encoded.shape
    real = steps.gates
    operand = real.new_zeros(batch, steps.operands.size(2))
    cell, history = torch.zeros_like(steps.cells[0]), real.new_zeros(batch, 2, units)
    sums = LoopGradients.zeros(loop, real.dtype)
    transposed = loop.recurrent.t().contiguous()
    gates = torch.empty_like(real)
    accumulated = steps.weights.cumsum(dim=0)
    for start in reversed(range(0, count, runner.count)):
        part = slice(start, min(count, start + runner.count))
        received = StepGradients(
            states[part, :, :width].to(real.dtype, copy=True),
            states[part, :, width:].to(real.dtype),
            weights[part],
            operand,
            cell,
            history,
        )
        histories = torch.stack([steps.weights[part], accumulated[part]], dim=2)
        chunk = steps.part(part.start, part.stop)
        gates[part] = runner.backward(loop, transposed, chunk, histories, received, sums)
    sums.encoded[:, 0] += operand[:, :width]
    return (
        gates,
        sums.encoded.to(loop.encoded.dtype),
        sums.projected.to(loop.projected.dtype),
        None,
        sums.recurrent.to(loop.recurrent.dtype),
        sums.query.to(loop.query.dtype),
        sums.location.to(loop.location.dtype),
        sums.score.to(loop.score.dtype),
    )
