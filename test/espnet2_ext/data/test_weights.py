"""Weights are read without running code and loaded whole or refused in one line."""

from pathlib import Path

import pytest
import torch
from torch import nn

from espnet2_ext.data.weights import load_weights, read_weights


class Touch:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.fixture
def network():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def save(content, path: Path) -> Path:
    torch.save(content, path)
    return path


def test_weights_are_given_back(network, tmp_path):
    path = save(network.state_dict(), tmp_path / "w.pth")
    other = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    load_weights(other, read_weights(path), path, "config.yaml")
    for name, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hostile.pth", "hostile.pth: damaged, or more than tensors"),
        ("checkpoint.pth", "take the weights beside it, such as valid.loss.best"),
    ],
)
def test_code_in_a_file_is_not_run(name, message, tmp_path):
    path = save({"weight": Touch(tmp_path / "touched")}, tmp_path / name)
    with pytest.raises(ValueError, match=message):
        read_weights(path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "w.pth: damaged"),
        ({}, "holds no weights at all"),
        ({"model": {}, "optimizers": []}, "a training's checkpoint, not weights; take the weights"),
        ({"a": 1.0}, "not weights, which are tensors by name"),
        ([torch.zeros(2)], "not weights, which are tensors by name"),
    ],
)
def test_other_content_is_refused(content, message, tmp_path):
    path = save(content, tmp_path / "w.pth")
    if content is None:
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileNotFoundError, match=r"none.pth: no such file of weights"):
        read_weights(tmp_path / "none.pth")
    with pytest.raises(ValueError, match=message) as error:
        read_weights(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


CHANGES = {
    r"w.pth: names begin with 'module\.'": lambda state: {f"module.{k}": state[k] for k in state},
    r"lacks 5 tensors \(1.weight, 1.bias, 1.running_mean, \.\.\.\), where c": lambda state: {
        name: value for name, value in state.items() if not name.startswith("1.")
    },
    r"has 1 tensors \(2.weight\) besides": lambda state: state | {"2.weight": torch.zeros(1)},
    r"0.weight is \(4, 2\), where c.yaml makes \(3, 2\)": lambda state: (
        state | {"0.weight": torch.zeros(4, 2)}
    ),
}


@pytest.mark.parametrize("message", CHANGES)
def test_weights_of_another_network_leave_it_as_it_is(network, message):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = {name: value + 1 for name, value in before.items()}
    with pytest.raises(ValueError, match=message) as error:
        load_weights(network, CHANGES[message](state), "w.pth", "c.yaml")
    assert "\n" not in str(error.value)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
