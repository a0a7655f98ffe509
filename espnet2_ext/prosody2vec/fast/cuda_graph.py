"""The steps of the attention loop replayed from captured CUDA graphs.

On a GPU a step is some forty small kernels, which take longer to launch than to run. A graph of
a chunk of steps is launched once. It works on tensors of its own, of fixed shape: a chunk is
copied in, replayed, and its results are copied out.
"""

import functools
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from espnet2_ext.prosody2vec.fast.attention_loop import (
    LoopGradients,
    LoopWeights,
    StepGradients,
    StepRunner,
    Steps,
    backward_steps,
    forward_steps,
)

logger = logging.getLogger(__name__)

UNITS_MULTIPLE = 32
"""Units are padded to a multiple of this, so that few shapes are captured."""
MAX_SHAPES = 48
"""Shapes whose graphs are kept (batch size, padded units); the least recently used goes first."""
WEIGHTS = ("recurrent", "query", "location", "score")
"""The fields of LoopWeights and LoopGradients that do not depend on the shape of the batch."""

Capture = Callable[[Callable[[], None]], Callable[[], None]]


def capture_cuda(function: Callable[[], None]) -> Callable[[], None]:
    """Return the replay of a CUDA graph of the function."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2):  # libraries choose kernels and allocate workspaces now
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # "thread_local": a loader's thread may pin memory meanwhile. Graphs run one after the
    # other and leave nothing in the pool, so that all share one.
    with torch.cuda.graph(graph, pool=_pool(), capture_error_mode="thread_local"):
        function()
    return graph.replay


@functools.cache
def _pool() -> Any:
    """Return the memory pool of all graphs."""
    return torch.cuda.graph_pool_handle()


class ChunkGraphs:
    """Tensors and both graphs of one shape of chunk; a twin of another shape shares its weights."""

    def __init__(
        self,
        loop: LoopWeights,
        steps: Steps,
        count: int,
        capture: Capture,
        twin: "ChunkGraphs | None" = None,
    ):
        batch, units, width = loop.encoded.shape
        padded, hidden = padded_units(units), steps.cells.size(2)
        real = steps.gates
        self.loop: LoopWeights = _padded_loop(loop, padded, None if twin is None else twin.loop)
        self.steps = Steps(
            real.new_zeros(count, *real.shape[1:]),
            steps.operands.new_zeros(count + 1, *steps.operands.shape[1:]),
            real.new_zeros(count + 1, batch, hidden),
            real.new_zeros(count + 1, batch, padded),
            real.new_zeros(batch, 2, padded),
        )
        self.transposed: torch.Tensor = (
            self.loop.recurrent.t().contiguous() if twin is None else twin.transposed
        )
        self.histories = real.new_zeros(count, batch, 2, padded)
        self.received = StepGradients(
            real.new_zeros(count, batch, width),
            real.new_zeros(count, batch, hidden),
            real.new_zeros(count, batch, padded),
            real.new_zeros(batch, width + hidden),
            real.new_zeros(batch, hidden),
            real.new_zeros(batch, 2, padded),
        )
        self.sums: LoopGradients = LoopGradients.zeros(self.loop, real.dtype)
        if twin is not None:
            self.sums = replace(self.sums, **{name: getattr(twin.sums, name) for name in WEIGHTS})
        self.gate_gradients = torch.zeros_like(self.steps.gates)
        self._replay_forward = capture(self._forward)
        self._replay_backward = capture(self._backward)

    def _forward(self) -> None:
        forward_steps(self.loop, self.steps)

    def _backward(self) -> None:
        for total in vars(self.sums).values():
            total.zero_()
        self.gate_gradients.copy_(
            backward_steps(
                self.loop, self.transposed, self.steps, self.histories, self.received, self.sums
            )
        )

    def load(self, loop: LoopWeights) -> None:
        """Copy the weights in, once a pass."""
        units = loop.encoded.size(1)
        for name in WEIGHTS:
            getattr(self.loop, name).copy_(getattr(loop, name))
        self.loop.encoded[:, :units] = loop.encoded
        self.loop.projected[:, :, :units] = loop.projected
        self.loop.penalty.fill_(float("-inf"))
        self.loop.penalty[:, :units] = loop.penalty

    def forward(self, steps: Steps, start: int, stop: int) -> None:
        """Fill in the states of steps start to stop of a pass."""
        count, units = stop - start, steps.weights.size(2)
        mine = self.steps
        mine.gates[:count] = steps.gates[start:stop]
        mine.operands[0] = steps.operands[start]
        mine.cells[0] = steps.cells[start]
        mine.weights[0, :, :units] = steps.weights[start]
        mine.history[:, :, :units] = steps.history
        self._replay_forward()
        steps.gates[start:stop] = mine.gates[:count]
        steps.operands[start + 1 : stop + 1] = mine.operands[1 : count + 1]
        steps.cells[start + 1 : stop + 1] = mine.cells[1 : count + 1]
        steps.weights[start + 1 : stop + 1] = mine.weights[1 : count + 1, :, :units]
        steps.history.copy_(mine.history[:, :, :units])

    def backward(
        self, chunk: Steps, histories: torch.Tensor, received: StepGradients, sums: LoopGradients
    ) -> torch.Tensor:
        """Return the same as ``backward_steps``; the chunk may be short at its end."""
        count, units = len(chunk.gates), chunk.weights.size(2)
        mine = self.steps
        for tensor, rows, values in (
            (mine.gates, count, chunk.gates),
            (mine.operands, count + 1, chunk.operands),
            (mine.cells, count + 1, chunk.cells),
            (mine.weights[:, :, :units], count + 1, chunk.weights),
            (self.histories[:, :, :, :units], count, histories),
            (self.received.contexts, count, received.contexts),
            (self.received.hidden, count, received.hidden),
            (self.received.weights[:, :, :units], count, received.weights),
        ):
            tensor[:rows] = values
            tensor[rows:] = 0.0
        self.received.operand.copy_(received.operand)
        self.received.cell.copy_(received.cell)
        self.received.history.zero_()
        self.received.history[:, :, :units] = received.history
        self._replay_backward()
        received.contexts.copy_(self.received.contexts[:count])
        received.operand.copy_(self.received.operand)
        received.cell.copy_(self.received.cell)
        received.history.copy_(self.received.history[:, :, :units])
        for name in WEIGHTS:
            getattr(sums, name).add_(getattr(self.sums, name))
        sums.encoded.add_(self.sums.encoded[:, :units])
        sums.projected.add_(self.sums.projected[:, :, :units])
        return self.gate_gradients[:count]


class GraphSteps(StepRunner):
    """Runs passes by replaying graphs, one pair for every shape, in chunks of ``count`` steps.

    Where a graph cannot be captured, or too many would be, the steps run one by one, and the
    log says so once. ``capture`` is replaced in tests, which replay by calling.
    """

    def __init__(self, count: int, capture: Capture = capture_cuda):
        self.count = count
        self.capture = capture
        self.is_broken = False
        self.num_dropped = 0
        self._graphs: OrderedDict[tuple, ChunkGraphs] = OrderedDict()

    def __reduce__(self) -> tuple:
        """Copies and pickles of a model start without graphs."""
        return GraphSteps, (self.count, self.capture)

    def forward(self, loop: LoopWeights, steps: Steps) -> None:
        """See ``forward_steps``."""
        graphs = self._graphs_of(loop, steps)
        if graphs is None:
            return super().forward(loop, steps)
        graphs.load(loop)
        for start in range(0, len(steps.gates), self.count):
            graphs.forward(steps, start, min(start + self.count, len(steps.gates)))

    def backward(
        self,
        loop: LoopWeights,
        transposed: torch.Tensor,
        steps: Steps,
        histories: torch.Tensor,
        received: StepGradients,
        sums: LoopGradients,
    ) -> torch.Tensor:
        """See ``backward_steps``."""
        graphs = self._graphs_of(loop, steps)
        if graphs is None:
            return super().backward(loop, transposed, steps, histories, received, sums)
        # Another pass may have used the graphs since the forward pass.
        graphs.load(loop)
        graphs.transposed.copy_(transposed)
        return graphs.backward(steps, histories, received, sums)

    def _graphs_of(self, loop: LoopWeights, steps: Steps) -> ChunkGraphs | None:
        """Return the graphs of this shape, captured at first; None where that is impossible."""
        if self.is_broken or (self.capture is capture_cuda and not loop.encoded.is_cuda):
            self._give_up("the tensors are not on a GPU")
            return None
        batch, units, width = loop.encoded.shape
        sizes = (batch, padded_units(units), width, steps.cells.size(2), len(loop.query))
        kinds = (loop.encoded.dtype, steps.gates.dtype, str(loop.encoded.device))
        key = (*sizes, loop.taps, *kinds)
        if key not in self._graphs:
            try:
                twins = (graphs for other, graphs in self._graphs.items() if other[2:] == key[2:])
                twin = next(twins, None)
                self._graphs[key] = ChunkGraphs(loop, steps, self.count, self.capture, twin)
            except RuntimeError as error:
                self._give_up(" ".join(str(error).split())[:200])
                return None
            if len(self._graphs) > MAX_SHAPES:
                self._graphs.popitem(last=False)
                self.num_dropped += 1
            if self.num_dropped > MAX_SHAPES:
                self._give_up("batches have too many shapes, each of which is captured")
                return None
        self._graphs.move_to_end(key)
        return self._graphs[key]

    def _give_up(self, reason: str) -> None:
        if not self.is_broken:
            logger.warning("no CUDA graph of the attention loop, going step by step: %s", reason)
        self.is_broken = True
        self._graphs.clear()


def _padded_loop(loop: LoopWeights, padded: int, twin: LoopWeights | None) -> LoopWeights:
    """Return weights (those of ``twin``, if given) and a memory of ``padded`` units."""
    batch, _, width = loop.encoded.shape
    new = loop.encoded.new_zeros
    penalty = loop.penalty.new_full((batch, padded), float("-inf"))
    penalty[:, 0] = 0.0  # no row may be fully masked while capturing
    weights = {name: getattr(twin or loop, name) for name in WEIGHTS}
    if twin is None:
        weights = {name: each.contiguous().clone() for name, each in weights.items()}
    encoded, projected = new(batch, padded, width), new(batch, len(loop.query), padded)
    return LoopWeights(**weights, encoded=encoded, projected=projected, penalty=penalty)


def padded_units(units: int) -> int:
    """Return the number of units that a shape is captured for."""
    return -(-units // UNITS_MULTIPLE) * UNITS_MULTIPLE
