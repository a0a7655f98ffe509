import torch

from espnet2_ext.prosody2vec.unit_encoder import UnitEncoder


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
