import torch
from torch.nn import functional as F

from espnet2_ext.prosody2vec.fast.lstm import at_units, lstm_weights, over_sequence


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
