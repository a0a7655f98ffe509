import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from espnet2_ext.prosody2vec.encoders import UnitEncoder
from espnet2_ext.prosody2vec.memory import length_mask


def test_shapes_and_parameters_of_the_paper():
    encoder = UnitEncoder(200)
    assert encoder.output_dim == 512
    assert [c.kernel_size for c in encoder.convolutions] == [(5,)] * 3
    assert encoder(torch.zeros(1, 3, dtype=torch.long), torch.tensor([3])).shape == (1, 3, 512)


def test_batch_equals_alone_even_while_training():
    torch.manual_seed(0)
    encoder = UnitEncoder(9, 6, 3, 3, 4, dropout=0.0).train()
    units = torch.tensor([[1, 2, 3, 4, 5], [6, 7, -32768, -32768, -32768], [8, 8, 8, 8, 8]])
    lengths = torch.tensor([5, 2, 1])
    encoded = encoder(units, lengths)
    for item, length in enumerate(lengths.tolist()):
        alone = encoder(units[item : item + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(encoded[item, :length], alone[0], atol=1e-6, rtol=0)
        assert (encoded[item, length:] == 0).all()


@pytest.mark.parametrize("training", [False, True])
def test_padding_changes_no_gradient(training):
    lengths, results = torch.tensor([5, 2, 1]), []
    for padding in (0, 7):
        torch.manual_seed(0)
        encoder = UnitEncoder(9, 6, 3, 3, 4, dropout=0.0).double().train(training)
        units = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 8, 8], [8, 8, 8, 8, 8]])
        encoded = encoder(torch.nn.functional.pad(units, (0, padding), value=3), lengths)
        encoded.square().sum().backward()
        assert (encoded[:, 5:] == 0).all()
        results.append([encoded[:, :5], *(each.grad for each in encoder.parameters())])
    for padded, plain in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(padded, plain, atol=1e-12, rtol=0)


def test_both_directions_equal_pytorchs_packed_lstm():
    torch.manual_seed(0)
    encoder = UnitEncoder(9, 6, 3, 2, 4, dropout=0.0).double()
    lengths = torch.tensor([5, 7, 1])
    hidden = torch.randn(3, 7, 6, dtype=torch.float64, requires_grad=True)
    packed = pack_padded_sequence(hidden, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(encoder.lstm(packed)[0], batch_first=True)
    found = encoder._both_directions(hidden, lengths) * length_mask(lengths, 7)[:, :, None]
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    wanted, leaves = torch.randn_like(expected), [hidden, *encoder.lstm.parameters()]
    for one, other in zip(
        torch.autograd.grad(found, leaves, wanted),
        torch.autograd.grad(expected, leaves, wanted),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
