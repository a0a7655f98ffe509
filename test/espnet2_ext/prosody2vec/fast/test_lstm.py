import pytest
import torch

from espnet2_ext.prosody2vec.fast.lstm import CHUNK_STEPS, lstm_over_gates


@pytest.mark.parametrize("sizes", [(1, 1), (2 * CHUNK_STEPS + 1, 3), (5, 17)])
def test_equals_pytorchs_lstm(sizes):
    steps, batch = sizes
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(2, 5).double()
    inputs = torch.randn(steps, batch, 2, dtype=torch.float64, requires_grad=True)
    expected = lstm(inputs)[0]
    gates = inputs @ lstm.weight_ih_l0.t() + lstm.bias_ih_l0 + lstm.bias_hh_l0
    found = lstm_over_gates(gates, lstm.weight_hh_l0)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    wanted = torch.randn_like(expected)
    leaves = [inputs, *lstm.parameters()]
    gradients = (torch.autograd.grad(each, leaves, wanted) for each in (found, expected))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=0)
