import torch

from espnet2_ext.data.parallel import one_thread


def test_one_thread_inside_and_the_former_number_behind():
    former = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(former)
