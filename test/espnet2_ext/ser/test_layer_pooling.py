import pytest
import torch

from espnet2_ext.ser.model import LayerPooling

MEANS = torch.tensor([[[1.0, 2.0], [3.0, 5.0], [0.0, -1.0]], [[4.0, 0.0], [2.0, 2.0], [8.0, 6.0]]])
"""(B, L, D) = (2, 3, 2)."""


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("last", [[0.0, -1.0], [8.0, 6.0]]),
        (0, [[1.0, 2.0], [4.0, 0.0]]),
        ("1", [[3.0, 5.0], [2.0, 2.0]]),
        (2, [[0.0, -1.0], [8.0, 6.0]]),
    ],
)
def test_one_layer(layer, expected):
    pooling = LayerPooling(3, 2, layer)
    assert pooling(MEANS).tolist() == expected
    assert pooling.output_dim == 2
    assert list(pooling.parameters()) == []


def test_weighted_sum_by_hand():
    """The softmax of ln 1, ln 2, ln 1 is 1/4, 1/2, 1/4; untrained, layers count the same."""
    pooling = LayerPooling(3, 2, "weighted")
    torch.testing.assert_close(pooling(MEANS), MEANS.mean(dim=1))
    pooling.weights.data = torch.tensor([1.0, 2.0, 1.0]).log()
    pooled = pooling(MEANS)
    torch.testing.assert_close(pooled, torch.tensor([[1.75, 2.75], [4.0, 2.5]]))
    pooled.sum().backward()
    assert pooling.weights.grad.abs().min() > 0


def test_weighted_sum_and_mean_over_time_change_places():
    torch.manual_seed(0)
    states, lengths = torch.randn(2, 4, 9, 5, dtype=torch.float64), (9, 6)
    pooling = LayerPooling(4, 5, "weighted").double()
    pooling.weights.data = torch.randn(4, dtype=torch.float64)
    kept = [state[:, :frames].mean(dim=1) for state, frames in zip(states, lengths)]
    shares = pooling.weights.softmax(dim=0)
    for item, frames in enumerate(lengths):
        at_each_frame = sum(shares[layer] * states[item, layer, :frames] for layer in range(4))
        torch.testing.assert_close(
            pooling(torch.stack(kept))[item], at_each_frame.mean(dim=0), rtol=0, atol=1e-12
        )


def test_standardise_by_the_batch_then_by_what_training_saw():
    pooling = LayerPooling(3, 2, "last", standardise=True)
    assert list(pooling.parameters()) == [], "no learnt scale"
    # Of 0 and 8, and of -1 and 6, one is a standard deviation below and one above.
    torch.testing.assert_close(pooling.train()(MEANS), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    pooling.eval()
    mean, variance = pooling.norm.running_mean, pooling.norm.running_var
    torch.testing.assert_close(
        pooling(MEANS[:1]), (MEANS[:1, 2] - mean) / (variance + pooling.norm.eps).sqrt()
    )
    # A tenth of the way from 0 to 4 and 2.5.
    torch.testing.assert_close(mean, torch.tensor([0.4, 0.25]))


@pytest.mark.parametrize("layer", [3, -1, "first", "1.0", ""])
def test_no_such_layer(layer):
    with pytest.raises(ValueError, match="upstream layer .*expected last, weighted or 0 to 2"):
        LayerPooling(3, 2, layer)
