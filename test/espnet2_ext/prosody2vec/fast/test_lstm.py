import pytest
import torch
from torch.nn import functional as F

from espnet2_ext.prosody2vec.fast.lstm import (
    CHUNK_STEPS,
    LstmOverGates,
    at_units,
    lstm_over_gates,
    lstm_weights,
    over_sequence,
    rows_for_product,
    times_rows,
)

# ---------------------------------------------------------------- lstm


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
    for one, other in zip(
        torch.autograd.grad(found, leaves, wanted),
        torch.autograd.grad(expected, leaves, wanted),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=0)


def test_gradient_equals_finite_differences():
    torch.manual_seed(1)
    gates = torch.randn(3, 2, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(8, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(LstmOverGates.apply, (gates, weight))


# ---------------------------------------------------------------- products


def test_product_is_rows_times_the_transpose():
    torch.manual_seed(0)
    matrix, rows = torch.randn(5, 3).double(), torch.randn(2, 3).double()
    torch.testing.assert_close(times_rows(matrix, rows), rows @ matrix.t())


@pytest.mark.parametrize(
    ("batch", "rows"),
    [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16), (16, 16), (17, 32), (30, 32)],
)
def test_rows_are_what_the_kernels_take(batch, rows):
    assert rows_for_product(batch, torch.device("cpu")) == rows
    assert rows_for_product(batch, torch.device("cuda")) == batch


# ---------------------------------------------------------------- split products


def test_over_sequence_is_the_layer_over_both_parts():
    torch.manual_seed(0)
    sequence, shared = torch.randn(4, 2, 3).double(), torch.randn(2, 5).double()
    weight, bias = torch.randn(6, 8).double(), torch.randn(6).double()
    expected = F.linear(torch.cat([sequence, shared.expand(4, -1, -1)], 2), weight, bias)
    torch.testing.assert_close(over_sequence(weight, bias, sequence, shared), expected)


def test_at_units_is_the_layer_over_each_steps_unit():
    torch.manual_seed(1)
    weight, encoded = torch.randn(4, 3).double(), torch.randn(2, 3, 3).double()
    units = torch.tensor([[0, 2], [1, 1], [2, 0]])
    found = at_units(weight, encoded, units)
    for step in range(3):
        for item in range(2):
            expected = weight @ encoded[item, units[step, item]]
            torch.testing.assert_close(found[step, item], expected)


def test_lstm_weights_sum_the_biases():
    lstm = torch.nn.LSTM(2, 3)
    weight, recurrent, bias = lstm_weights(lstm)
    assert weight.shape == (12, 2) and recurrent.shape == (12, 3)
    torch.testing.assert_close(bias, lstm.bias_ih_l0 + lstm.bias_hh_l0)
