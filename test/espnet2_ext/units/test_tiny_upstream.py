"""The HuBERT that recipes make on the spot."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch

from espnet2_ext.bin import make_tiny_hubert as entry
from espnet2_ext.units.features import load_upstream
from espnet2_ext.units.tiny_upstream import make_tiny_hubert


@pytest.fixture
def weights():
    """Return a reader of all tensors of a folder."""
    from transformers import HubertModel

    return lambda path: HubertModel.from_pretrained(path).state_dict()


def test_s3prl_loads_it(tmp_path):
    make_tiny_hubert(tmp_path / "a", width=16, layers=1)
    upstream = load_upstream("hf_hubert_custom", str(tmp_path / "a"))
    assert upstream.num_layers == 2
    assert set(upstream.hidden_sizes) == {16}
    assert set(upstream.downsample_rates) == {320}
    assert sum(p.numel() for p in upstream.parameters()) < 40000


def test_a_seed_means_weights_and_nothing_else(tmp_path, weights):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_tiny_hubert(tmp_path / name, width=16, layers=1, seed=seed)
    assert torch.equal(torch.rand(2), expected), "the caller's random numbers changed"
    one, same, other = (weights(tmp_path / name) for name in "abc")
    assert one.keys() == same.keys()
    assert all(torch.equal(one[name], same[name]) for name in one)
    name = "encoder.layers.0.attention.q_proj.weight"
    assert not torch.equal(one[name], other[name])


def test_a_complete_folder_is_left_alone_and_a_half_one_is_not(tmp_path):
    entry.main(["--directory", str(tmp_path)])
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert {"config.json", "model.safetensors", "preprocessor_config.json"} <= before.keys()
    entry.main(["--directory", str(tmp_path)])
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    (tmp_path / "preprocessor_config.json").unlink()
    (tmp_path / "model.safetensors").write_bytes(b"half")
    entry.main(["--directory", str(tmp_path)])
    assert (tmp_path / "model.safetensors").stat().st_size > 1000
