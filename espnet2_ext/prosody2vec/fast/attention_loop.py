"""The teacher-forced attention loop as one autograd function, exact and lean.

The attention LSTM needs the last context and the attention needs the LSTM, so that one loop
over time remains; everything else is outside it, also all of the gradients that is a sum over
time. ``forward_steps`` and ``backward_steps`` never look at a value and allocate nothing that
outlives the call except their result, so that they can be captured as a CUDA graph.

Letters: S steps, C steps of a chunk, B items, Bp rows allocated for them, U units, E width of
the encoded units, H of the LSTM, A of the attention, W taps of the location convolution.
"""

from dataclasses import dataclass, fields

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from espnet2_ext.prosody2vec.fast.lstm import (
    CellDerivatives,
    cell_forward,
    product_dtype,
    rows_for_product,
    times_rows,
)

CHUNK_STEPS = 32
"""Steps whose energies are held at once while going backward; memory grows with it."""

# ---------------------------------------------------------------- steps


@dataclass(frozen=True)
class LoopWeights:
    """Everything that is the same at every step."""

    recurrent: torch.Tensor  # (4H, E + H) of the gates, over last context and hidden state
    query: torch.Tensor  # (A, H)
    location: torch.Tensor  # (A, 2 * W) of location convolution and location layer in one
    score: torch.Tensor  # (1, A)
    encoded: torch.Tensor  # (B, U, E)
    projected: torch.Tensor  # (B, A, U) output of the memory layer
    penalty: torch.Tensor  # (B, U) 0 at valid units, minus infinity elsewhere

    @property
    def taps(self) -> int:
        return self.location.size(1) // 2  # W


@dataclass(frozen=True)
class Steps:
    """States of C steps; row 0 of what has C + 1 rows is the state before the first."""

    gates: torch.Tensor  # (C, B, 4H) without their recurrent part; activated in place
    operands: torch.Tensor  # (C + 1, Bp, E + H) context and hidden state side by side
    cells: torch.Tensor  # (C + 1, B, H)
    weights: torch.Tensor  # (C + 1, B, U) attention
    history: torch.Tensor  # (B, 2, U) last and accumulated attention after the last step done

    def part(self, start: int, stop: int) -> "Steps":
        """Return steps start to stop, as views."""
        after = slice(start, stop + 1)
        operands, cells, weights = self.operands[after], self.cells[after], self.weights[after]
        return Steps(self.gates[start:stop], operands, cells, weights, self.history)


@torch.no_grad()
def forward_steps(loop: LoopWeights, steps: Steps) -> None:
    """Fill in all states after the first, in place."""
    batch, _, width = loop.encoded.shape
    query, score = loop.query.t(), loop.score.expand(batch, -1, -1)
    location = loop.location.expand(batch, -1, -1)
    for step, gates in enumerate(steps.gates.unbind(0)):
        gates.add_(times_rows(loop.recurrent, steps.operands[step])[:batch])
        context, hidden = steps.operands[step + 1, :batch].split([width, query.size(0)], dim=1)
        cell_forward(gates, steps.cells[step], steps.cells[step + 1], hidden)
        scores = torch.baddbmm(loop.projected, location, _patches(steps.history, loop))
        scores.add_((hidden @ query)[:, :, None]).tanh_()
        energies = torch.bmm(score, scores).squeeze(1) + loop.penalty
        weights = steps.weights[step + 1]
        torch.softmax(energies, dim=1, out=weights)
        steps.history[:, 0] = weights
        steps.history[:, 1] += weights
        torch.bmm(weights[:, None].to(loop.encoded.dtype), loop.encoded, out=context[:, None])


@dataclass(frozen=True)
class StepGradients:
    """Gradients that C steps receive from outside and from the step after, updated in place."""

    contexts: torch.Tensor  # (C, B, E) from outside; on return the whole gradient of each
    hidden: torch.Tensor  # (C, B, H) from outside
    weights: torch.Tensor  # (C, B, U) from outside
    operand: torch.Tensor  # (B, E + H) of the last operand, from the step after
    cell: torch.Tensor  # (B, H) of the last cell, from the step after
    # (B, 2, U) of the last history: of the weights from the step after, of the accumulated
    # ones from all steps after.
    history: torch.Tensor


@dataclass(frozen=True)
class LoopGradients:
    """Gradients of ``LoopWeights``, summed chunk by chunk."""

    recurrent: torch.Tensor
    query: torch.Tensor
    location: torch.Tensor
    score: torch.Tensor
    encoded: torch.Tensor
    projected: torch.Tensor

    @staticmethod
    def zeros(loop: LoopWeights, dtype: torch.dtype) -> "LoopGradients":
        """Return the sums to start from."""
        weights = (getattr(loop, field.name) for field in fields(LoopGradients))
        return LoopGradients(*(weight.new_zeros(weight.shape, dtype=dtype) for weight in weights))


@torch.no_grad()
def backward_steps(
    loop: LoopWeights,
    transposed: torch.Tensor,
    steps: Steps,
    histories: torch.Tensor,
    received: StepGradients,
    sums: LoopGradients,
) -> torch.Tensor:
    """Return the gates' gradients (C, B, 4H); add to ``sums``, update ``received``.

    Only the recurrence runs step by step. Energies are recomputed for all steps of the chunk
    at once, and weights get their gradients from one product over all of them. ``transposed``
    (E + H, 4H) is ``loop.recurrent`` transposed, contiguous; ``histories`` (C, B, 2, U) are last
    and accumulated attention before each step.
    """
    count, batch, _ = steps.gates.shape
    width = loop.encoded.size(2)
    patches = _patches(histories.flatten(0, 1), loop)
    hidden = steps.operands[1:, :batch, width:]
    scores = torch.bmm(loop.location.expand(len(patches), -1, -1), patches)
    scores = scores.unflatten(0, (count, batch)).add_(loop.projected)  # (C, B, A, U)
    scores.add_((hidden @ loop.query.t())[:, :, :, None]).tanh_()
    slopes = (1.0 - scores.square()).mul_(loop.score.view(-1, 1))
    derivatives = CellDerivatives(steps.gates, steps.cells)
    energies = steps.weights.new_empty(received.weights.shape)
    queries = scores.new_empty(count, batch, loop.query.size(0))
    padded = transposed.new_zeros(steps.operands.size(1), transposed.size(1))
    location = loop.location.t().expand(batch, -1, -1)
    operand, to_last, to_all = received.operand, *received.history.unbind(1)
    for step in range(count - 1, -1, -1):
        weights, context = steps.weights[step + 1], received.contexts[step]
        context.add_(operand[:, :width])
        to_weights = torch.bmm(loop.encoded, context[:, :, None].to(loop.encoded.dtype))[:, :, 0]
        to_weights = to_weights + received.weights[step]
        to_weights.add_(to_last).add_(to_all)
        weighted = to_weights.mul_(weights)
        energy = torch.addcmul(
            weighted, weights, weighted.sum(dim=1, keepdim=True), value=-1.0, out=energies[step]
        )
        slope = slopes[step].mul_(energy[:, None].to(slopes.dtype))
        query = torch.sum(slope, dim=2, out=queries[step])
        to_last, more = _unpatched(torch.bmm(location, slope), loop.taps).unbind(1)
        to_all = to_all + more
        to_hidden = received.hidden[step] + operand[:, width:]
        to_hidden.add_(query @ loop.query)
        padded[:batch] = derivatives.backward(step, to_hidden, received.cell)
        operand = times_rows(transposed, padded)[:batch]
    received.operand.copy_(operand)
    torch.stack([to_last, to_all], dim=1, out=received.history)
    flat = energies.view(-1, energies.size(2), 1).to(scores.dtype)
    sums.score.add_(torch.bmm(scores.flatten(0, 1), flat).sum(dim=0).t())
    sums.projected.add_(slopes.sum(dim=0))
    sums.location.add_(torch.bmm(slopes.flatten(0, 1), patches.transpose(1, 2)).sum(dim=0))
    sums.query.add_(queries.flatten(0, 1).t() @ hidden.flatten(0, 1))
    weights = steps.weights[1:].permute(1, 2, 0).to(loop.encoded.dtype)
    contexts = received.contexts.transpose(0, 1).to(loop.encoded.dtype)
    sums.encoded.add_(torch.bmm(weights, contexts))
    gates = derivatives.of_gates.flatten(0, 1).to(steps.operands.dtype)
    sums.recurrent.add_(gates.t() @ steps.operands[:-1, :batch].flatten(0, 1))
    return derivatives.of_gates


def _patches(history: torch.Tensor, loop: LoopWeights) -> torch.Tensor:
    """Return (B, 2 * W, U): the location convolution's input around each unit."""
    history = history[:, :, None].to(loop.location.dtype)
    return F.unfold(history, (1, loop.taps), padding=(0, loop.taps // 2))


def _unpatched(gradients: torch.Tensor, taps: int) -> torch.Tensor:
    """Return (B, 2, U): the gradient of a history from that of its patches."""
    size = (1, gradients.size(2))
    return F.fold(gradients, size, (1, taps), padding=(0, taps // 2))[:, :, 0]


# ---------------------------------------------------------------- loop


class StepRunner:
    """Runs the steps one by one; ``GraphSteps`` in cuda_graph.py replays graphs.

    ``backward`` gets chunks of ``count`` steps, counted from step 0, the last one first.
    """

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
    """Return contexts and hidden states (S, B, E + H), and attention weights (S, B, U).

    Under autocast the products are in its precision; gates, cells, energies and weights stay
    in that of the parameters. ``gates`` (S, B, 4H) are the input products and biases of the
    attention LSTM, ``mask`` (B, U) is True at valid units; the other tensors are fields of
    ``LoopWeights``. Without a runner steps run one by one.
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
            runner or StepRunner(),
        )


# Its methods name their arguments, where torch declares *args: hence "type: ignore".
class AttentionLoop(torch.autograd.Function):
    """``attention_loop`` without autocast, with a penalty in place of the mask.

    Kept for the gradient are gates, cells, contexts, hidden states and weights, about
    6 H + E + U numbers a step and item; the A x U energies are recomputed.
    """

    @staticmethod
    def forward(
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
        """Return contexts and hidden states (S, B, E + H), and weights (S, B, U)."""
        loop = LoopWeights(recurrent, query, location, score, encoded, projected, penalty)
        steps = _first_state(loop, gates)
        runner.forward(loop, steps)
        ctx.runner = runner
        of_steps = steps.gates, steps.operands, steps.cells, steps.weights
        ctx.save_for_backward(*vars(loop).values(), *of_steps)
        return steps.operands[1:, : len(encoded)], steps.weights[1:]

    @staticmethod
    @once_differentiable
    def backward(
        ctx, states: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of ``forward``'s arguments."""
        *of_loop, real, operands, cells, attention = ctx.saved_tensors
        loop = LoopWeights(*of_loop)
        steps = Steps(real, operands, cells, attention, history=attention.new_empty(0))
        count, batch, _ = real.shape
        _, units, width = loop.encoded.shape
        operand = real.new_zeros(batch, operands.size(2))
        cell, history = torch.zeros_like(cells[0]), real.new_zeros(batch, 2, units)
        sums = LoopGradients.zeros(loop, real.dtype)
        transposed = loop.recurrent.t().contiguous()
        gates = torch.empty_like(real)
        accumulated = attention.cumsum(dim=0)
        for start in reversed(range(0, count, ctx.runner.count)):
            part = slice(start, min(count, start + ctx.runner.count))
            received = StepGradients(
                states[part, :, :width].to(real.dtype, copy=True),
                states[part, :, width:].to(real.dtype),
                weights[part],
                operand,
                cell,
                history,
            )
            histories = torch.stack([attention[part], accumulated[part]], dim=2)
            chunk = steps.part(part.start, part.stop)
            gates[part] = ctx.runner.backward(loop, transposed, chunk, histories, received, sums)
        sums.encoded[:, 0] += operand[:, :width]
        names = ("encoded", "projected", "recurrent", "query", "location", "score")
        encoded, projected, *of_weights = (
            getattr(sums, name).to(getattr(loop, name).dtype) for name in names
        )
        return gates, encoded, projected, None, *of_weights, None


def _first_state(loop: LoopWeights, gates: torch.Tensor) -> Steps:
    """Return states of all steps, the first filled in: all attention on unit 0."""
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
