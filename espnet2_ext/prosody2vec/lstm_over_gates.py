"""An LSTM over whole sequences whose input products were computed before, in any way.

``torch.nn.LSTM`` takes the input itself, so what is the same at many steps (a vector of
the utterance, a unit's vector repeated over its frames) is multiplied again at each. Here
the caller sums up the gates from products as small as they can be.
"""

import torch
from torch.autograd.function import once_differentiable

from espnet2_ext.prosody2vec.lstm_cell_gradient import CellDerivatives, cell_forward
from espnet2_ext.prosody2vec.precision import product_dtype
from espnet2_ext.prosody2vec.products import rows_for_product, times_rows

CHUNK_STEPS = 32
"""Steps whose derivatives are held at once while going backward."""


def lstm_over_gates(gates: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return hidden states (S, B, H); see LstmOverGates, this minds autocast.

    Args:
        gates: (S, B, 4H) input products and biases, time first.
        weight: (4H, H) recurrent.
    """
    dtype = product_dtype(weight)
    with torch.autocast(gates.device.type, enabled=False):
        return LstmOverGates.apply(gates.to(weight.dtype), weight.to(dtype))


# Its methods name their arguments, where torch declares *args: hence "type: ignore" on both.
class LstmOverGates(torch.autograd.Function):
    """Hidden states (S, B, H) of gates (S, B, 4H) without their recurrent part.

    The recurrent weight's gradient is one product over all steps at the end instead of
    a sum grown at each, which would read and write the whole matrix every time.
    """

    # torch declares forward and backward with *args; these name theirs.
    @staticmethod
    def forward(ctx, gates: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Run the recurrence from zero states.

        Args:
            ctx: of autograd.
            gates: (S, B, 4H) input products and biases, time first.
            weight: (4H, H) recurrent.
        """
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
    def backward(ctx, hidden_gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
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
