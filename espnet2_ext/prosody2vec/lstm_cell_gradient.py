"""The LSTM cell and its gradient, many steps' worth of local derivatives at a time.

Gates stand in PyTorch's order: input, forget, cell, output.
"""

import torch


def cell_forward(
    gates: torch.Tensor, last_cell: torch.Tensor, cell: torch.Tensor, hidden: torch.Tensor
) -> None:
    """Activate the gates in place and write the new cell and hidden state.

    Args:
        gates: (B, 4H) before activation; after it, on return.
        last_cell: (B, H).
        cell: (B, H) written.
        hidden: (B, H) written; its dtype may be a narrower one.
    """
    width = last_cell.size(1)
    gates[:, : 2 * width].sigmoid_()
    gates[:, 2 * width : 3 * width].tanh_()
    gates[:, 3 * width :].sigmoid_()
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=1)
    torch.mul(forget_gate, last_cell, out=cell)
    cell.addcmul_(input_gate, candidate)
    torch.mul(output_gate, cell.tanh(), out=hidden)


class CellDerivatives:
    """What the gradient of some steps needs of their gates, computed for all at once.

    With dc the gradient of a step's cell and dh that of its hidden state:
    dc = dc_next * forget_next + dh * d hidden / d cell, and the gates' gradients are dc
    (the output gate's: dh) times what stands in ``of_gates``.

    Args:
        gates: (C, B, 4H) activated gates of C steps.
        cells: (C + 1, B, H) cells, from the one before the first step.
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
        """Return the gates' gradients (B, 4H), a view into ``of_gates``, written there.

        Args:
            step: of the chunk.
            hidden_gradient: (B, H).
            cell_gradient: (B, H) from the step after; updated to that of the step before.
        """
        batch, width = cell_gradient.shape
        cell_gradient.addcmul_(hidden_gradient, self.of_cell[step])
        gates = self.of_gates[step]
        gates[:, : 3 * width].view(batch, 3, width).mul_(cell_gradient[:, None])
        gates[:, 3 * width :].mul_(hidden_gradient)
        cell_gradient.mul_(self.forget_gate[step])
        return gates
