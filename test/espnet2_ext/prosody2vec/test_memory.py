import torch

from espnet2_ext.prosody2vec.memory import Memory


def test_expanded_repeats_the_shared_part_at_every_unit():
    memory = Memory(
        torch.tensor([[[1.0], [2.0]]]), torch.tensor([[8.0, 9.0]]), torch.ones(1, 2).bool()
    )
    assert memory.expanded().tolist() == [[[1.0, 8.0, 9.0], [2.0, 8.0, 9.0]]]


def test_items_are_rows_of_all_parts():
    memory = Memory(
        torch.arange(6.0).view(3, 2, 1), torch.arange(3.0)[:, None], torch.ones(3, 2).bool()
    )
    chosen = memory.items([2, 0])
    assert chosen.encoded.flatten().tolist() == [4.0, 5.0, 0.0, 1.0]
    assert chosen.shared.flatten().tolist() == [2.0, 0.0] and chosen.mask.shape == (2, 2)
