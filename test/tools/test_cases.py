"""What is measured, and the measures of memory and operations."""

import pytest
import torch

from tools.bench import cases
from tools.bench.cases import TINY_SIZES, Case, largest_difference
from tools.bench.decoder import agreement
from tools.bench.memory import peak_bytes, peak_of, saved_bytes
from tools.bench.operations import count


def test_fast_agrees_with_naive_at_tiny_sizes(monkeypatch, tmp_path):
    assert agreement(TINY_SIZES, Case(2, 6, 4), "cpu", "fast") < 1e-5
    monkeypatch.setattr(cases, "NAIVE", tmp_path / "none.py")
    with pytest.raises(FileNotFoundError, match="none.py: the naive loop is not there"):
        cases.naive_free.__wrapped__()


def test_largest_difference_is_relative_to_each_tensor():
    one = {"large": torch.tensor([100.0, 1.0]), "small": torch.tensor([0.01, 0.0])}
    two = {"large": torch.tensor([101.0, 1.0]), "small": torch.tensor([0.01, 0.002])}
    not_a_number = {**one, "small": torch.tensor([0.01, float("nan")])}
    for other, expected in ((one, 0.0), (two, 0.2), (not_a_number, float("inf"))):
        assert largest_difference(one, other) == pytest.approx(expected)
    with pytest.raises(ValueError, match="only one has small"):
        largest_difference(one, {"large": two["large"]})


def test_peak_counts_what_lives_at_once():
    def allocate():
        one = torch.empty(1000)
        del one
        two, three = torch.empty(1000), torch.empty(500)
        return two, three

    assert 6000 <= peak_bytes(allocate, "cpu") < 7000
    # Changes in order of time.
    assert peak_of([]) == 0
    assert peak_of([(2.0, -60), (1.0, 100), (3.0, 50)]) == 100
    assert peak_of([(1.0, 100), (2.0, -40), (3.0, 50)]) == 110


def test_saved_bytes_counts_a_storage_once_and_no_weights():
    weight = torch.randn(4, 4, requires_grad=True)
    inputs = torch.randn(8, 4, requires_grad=True)

    def function():
        hidden = inputs * 2.0  # saved by the product with the weight, and by square
        ((hidden @ weight).sum() + hidden.square().sum() + hidden[:2].square().sum()).backward()

    assert saved_bytes(function, [weight]) == 8 * 4 * 4
    assert saved_bytes(function, []) == 8 * 4 * 4 + 4 * 4 * 4


def test_operations_leave_views_out():
    one = torch.randn(3, 4, requires_grad=True)
    # Forward mul and sum; backward ones_like and mul: detach, t and expand only look.
    assert count(lambda: (one.t() * 2.0).sum().detach(), "cpu") == 2
