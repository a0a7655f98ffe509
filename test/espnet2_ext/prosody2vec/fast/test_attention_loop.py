import torch

from espnet2_ext.prosody2vec.fast.attention_loop import attention_loop
from espnet2_ext.prosody2vec.fast.cuda_graph import GraphSteps


def arguments(dtype=torch.float64, batch=2, steps=4, units=3):
    """Return what attention_loop takes: E 2, H 2, A 3, kernel 3; the second item has 2 units."""
    torch.manual_seed(2)
    shapes = [(steps, batch, 8), (batch, units, 2), (batch, 3, units)]
    weights = [(8, 4), (3, 2), (3, 6), (1, 3)]
    tensors = [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes + weights]
    mask = torch.ones(batch, units, dtype=torch.bool)
    mask[1:, 2:] = False
    return [*tensors[:3], mask, *tensors[3:]]


def test_two_passes_before_one_gradient():
    """Graphs work on tensors of their own: a later pass must not disturb an earlier one's."""
    runner = GraphSteps(3, capture=lambda function: function)
    first, second = arguments(), arguments(steps=7)
    expected = torch.autograd.grad(attention_loop(*first)[0].sum(), first[4])[0]
    states, _ = attention_loop(*first, runner)
    attention_loop(*second, runner)
    found = torch.autograd.grad(states.sum(), first[4])[0]
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
