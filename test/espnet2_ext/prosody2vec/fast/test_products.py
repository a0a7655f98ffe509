import pytest
import torch

from espnet2_ext.prosody2vec.fast.lstm import rows_for_product, times_rows


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
