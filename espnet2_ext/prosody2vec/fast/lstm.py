"""An LSTM over whole sequences whose input products the caller computes.

``torch.nn.LSTM`` multiplies its whole input at each step, also what is the same at many steps (a
vector of the utterance, a unit's vector repeated over its frames). Here the caller sums the
gates from products as small as possible. Gates stand in PyTorch's order: input, forget, cell,
output.
"""

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

CHUNK_STEPS = 32
"""Steps whose derivatives are held at once while going backward."""

# ---------------------------------------------------------------- cell


def cell_forward(
    gates: torch.Tensor, last_cell: torch.Tensor, cell: torch.Tensor, hidden: torch.Tensor
) -> None:
    """Activate the gates (B, 4H) in place and write the new cell and hidden state (B, H)."""
    width = last_cell.size(1)
    gates[:, : 2 * width].sigmoid_()
    gates[:, 2 * width : 3 * width].tanh_()
    gates[:, 3 * width :].sigmoid_()
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=1)
    torch.mul(forget_gate, last_cell, out=cell)
    cell.addcmul_(input_gate, candidate)
    torch.mul(output_gate, cell.tanh(), out=hidden)


class CellDerivatives:
    """Local derivatives of C steps, computed at once, of activated gates and C + 1 cells.

    With dc the gradient of a step's cell and dh that of its hidden state,
    dc = dc_next * forget_next + dh * d hidden / d cell, and the gates' gradients are dc
    (the output gate's: dh) times ``of_gates``.
    """

    def __init__(self, gates: torch.Tensor, cells: torch.Tensor):
        width = cells.size(2)
        input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=2)
        squashed = cells[1:].tanh()
        sigmoids = gates[:, :, : 2 * width]
        self.of_gates = torch.empty_like(gates)
        slope = self.of_gates[:, :, : 2 * width]
        torch.mul(sigmoids, 1.0 - sigmoids, out=slope)
        slope[:, :, :width].mul_(candidate)
        slope[:, :, width:].mul_(cells[:-1])
        torch.mul(input_gate, 1.0 - candidate.square(), out=self.of_gates[:, :, 2 * width : -width])
        torch.mul(output_gate * (1.0 - output_gate), squashed, out=self.of_gates[:, :, -width:])
        self.of_cell = output_gate * (1.0 - squashed.square())
        self.forget_gate = forget_gate

    def backward(
        self, step: int, hidden_gradient: torch.Tensor, cell_gradient: torch.Tensor
    ) -> torch.Tensor:
        """Return the gates' gradients (B, 4H) of a step, a view into ``of_gates``, written there.

        ``cell_gradient`` (B, H) comes from the step after and is updated for the step before.
        """
        batch, width = cell_gradient.shape
        cell_gradient.addcmul_(hidden_gradient, self.of_cell[step])
        gates = self.of_gates[step]
        gates[:, : 3 * width].view(batch, 3, width).mul_(cell_gradient[:, None])
        gates[:, 3 * width :].mul_(hidden_gradient)
        cell_gradient.mul_(self.forget_gate[step])
        return gates


# ---------------------------------------------------------------- products


def times_rows(matrix: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return rows @ matrix.T, (B, N) of matrix (N, K) and rows (B, K), or a transposed view."""
    # With few rows most time goes into reading the matrix, which on a CPU is up to three times
    # as fast when it is the left operand.
    if rows.device.type == "cpu":
        return torch.mm(matrix, rows.t()).t()
    return torch.mm(rows, matrix.t())


def rows_for_product(batch: int, device: torch.device) -> int:
    """Return how many rows to allocate for a batch so that ``times_rows`` is fastest."""
    # CPU kernels take 4, 8 or 16 rows and a slow one the rest.
    if device.type != "cpu" or batch <= 2:
        return batch
    width = 4 if batch <= 4 else 8 if batch <= 8 else 16
    return -(-batch // width) * width


def product_dtype(parameter: torch.Tensor) -> torch.dtype:
    """Return the dtype of products with this parameter: its own, or autocast's where that is on."""
    device = parameter.device.type
    if torch.is_autocast_enabled(device) and parameter.dtype == torch.float32:
        return torch.get_autocast_dtype(device)
    return parameter.dtype


# ---------------------------------------------------------------- sequence


def lstm_over_gates(gates: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return hidden states (S, B, H), from zero states; heeds autocast.

    ``gates`` (S, B, 4H) are input products and biases, ``weight`` (4H, H) is recurrent.
    """
    dtype = product_dtype(weight)
    with torch.autocast(gates.device.type, enabled=False):
        return LstmOverGates.apply(gates.to(weight.dtype), weight.to(dtype))


# Its methods name their arguments, where torch declares *args: hence "type: ignore".
class LstmOverGates(torch.autograd.Function):
    """``lstm_over_gates`` without autocast.

    The recurrent weight's gradient is one product over all steps at the end instead of a sum
    that reads and writes the whole matrix at each.
    """

    @staticmethod
    def forward(ctx, gates: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Return hidden states (S, B, H)."""
        steps, batch, _ = gates.shape
        width = weight.size(1)
        rows = rows_for_product(batch, gates.device)
        hidden = weight.new_zeros(steps + 1, rows, width)
        cells = gates.new_zeros(steps + 1, batch, width)
        activated = torch.empty_like(gates)
        for step in range(steps):
            recurrent = times_rows(weight, hidden[step])[:batch]
            torch.add(gates[step], recurrent, out=activated[step])
            cell_forward(activated[step], cells[step], cells[step + 1], hidden[step + 1, :batch])
        ctx.save_for_backward(activated, cells, hidden, weight)
        return hidden[1:, :batch]

    @staticmethod
    @once_differentiable
    def backward(ctx, hidden_gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the gradients of gates (S, B, 4H) and weight (4H, H)."""
        activated, cells, hidden, weight = ctx.saved_tensors
        steps, batch, gate_width = activated.shape
        transposed = weight.t().contiguous()
        rows = rows_for_product(batch, weight.device)
        padded = weight.new_zeros(rows, gate_width)
        gate_gradients = torch.empty_like(activated)
        cell_gradient = torch.zeros_like(cells[0])
        from_later = torch.zeros_like(cells[0])
        for stop in range(steps, 0, -CHUNK_STEPS):
            start = max(0, stop - CHUNK_STEPS)
            derivatives = CellDerivatives(activated[start:stop], cells[start : stop + 1])
            for step in range(stop - 1, start - 1, -1):
                total = hidden_gradients[step] + from_later
                padded[:batch] = derivatives.backward(step - start, total, cell_gradient)
                from_later = times_rows(transposed, padded)[:batch]
            gate_gradients[start:stop] = derivatives.of_gates
        flat = gate_gradients.flatten(0, 1).to(weight.dtype)
        return gate_gradients, flat.t() @ hidden[:-1, :batch].flatten(0, 1)


# ---------------------------------------------------------------- split products


def lstm_weights(lstm: nn.LSTM) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return input weight (4H, I), recurrent weight (4H, H) and summed bias (4H,) of one layer."""
    [[inputs, recurrent, bias, other_bias]] = lstm.all_weights
    return inputs, recurrent, bias + other_bias


def over_sequence(
    weight: torch.Tensor, bias: torch.Tensor | None, sequence: torch.Tensor, shared: torch.Tensor
) -> torch.Tensor:
    """Return (S, B, N): the layer over [sequence (S, B, I) ; shared (B, G)], weight (N, I + G)."""
    width = sequence.size(2)
    constant = F.linear(shared, weight[:, width:], bias)
    return F.linear(sequence, weight[:, :width]) + constant


def at_units(weight: torch.Tensor, encoded: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
    """Return (S, B, N): a bias-free layer (N, E), run once a unit, at the unit of each step."""
    batch, num_units, _ = encoded.shape
    first = torch.arange(batch, device=units.device) * num_units
    rows = F.linear(encoded, weight).flatten(0, 1)
    return rows.index_select(0, (units + first).flatten()).unflatten(0, units.shape)
