"""Layer means of a frozen upstream on disk, by a tiny HuBERT."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import json

import numpy as np
import pytest
import torch

from espnet2_ext.bin import cache_upstream_vectors as entry
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.ser import pretrained as module
from espnet2_ext.ser.model import FineTunedUpstream
from espnet2_ext.ser.pretrained import cache_upstream_vectors
from espnet2_ext.units.tiny_upstream import make_tiny_hubert

NAME = "hf_hubert_custom"
SECONDS = {"u-1": 0.3, "u-2": 0.061, "u-3": 0.45}


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    path = tmp_path_factory.mktemp("hubert")
    make_tiny_hubert(path, width=16, layers=1)
    return str(path)


@pytest.fixture
def wavs(tmp_path, make_wav):
    """Return three files by utterance; their table is in ``data``."""
    names = {
        name: make_wav(f"{name}.wav", duration_s=seconds, seed=place)
        for place, (name, seconds) in enumerate(SECONDS.items())
    }
    write_table(tmp_path / "data/wav.scp", names)
    return names


@pytest.fixture
def cache(tmp_path, wavs, hubert):
    """Return a function that writes the vectors of ``data`` to ``out``."""

    def run(upstream=NAME, path_or_url=hubert, **options):
        return cache_upstream_vectors(
            tmp_path / "data", tmp_path / "out", upstream, path_or_url=path_or_url, **options
        )

    return run


@pytest.fixture
def no_upstream(monkeypatch):
    """Return a function: from now on the upstream must not be loaded."""

    def forbidden(*arguments):
        raise AssertionError("the upstream was loaded")

    return lambda: monkeypatch.setattr(module, "FineTunedUpstream", forbidden)


def test_files_and_values(cache, wavs, hubert, tmp_path):
    described = json.loads(cache().read_text())
    assert described == {
        "upstream": NAME, "path_or_url": hubert, "num_layers": 2, "dim": 16, "utterances": 3
    }  # fmt: skip
    table = read_table(tmp_path / "out/vectors.scp")
    assert list(table) == sorted(SECONDS)
    upstream = FineTunedUpstream(NAME, hubert).eval()
    for name, path in table.items():
        vectors = np.load(path)
        assert (vectors.shape, vectors.dtype) == ((2, 16), np.float32)
        speech = torch.from_numpy(read_audio(wavs[name]))[None]
        with torch.no_grad():
            expected = upstream(speech, torch.tensor([speech.size(1)]))[0].numpy()
        np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_what_is_there_is_kept(cache, tmp_path, wavs, make_wav, no_upstream):
    cache()
    folder = tmp_path / "out/npy"
    np.save(folder / "u-1.npy", np.zeros((2, 16), np.float32))
    second = (folder / "u-2.npy").read_bytes()
    (folder / "u-2.npy").unlink()
    wavs["u-4"] = make_wav("u-4.wav", seed=9)
    write_table(tmp_path / "data/wav.scp", wavs)
    assert json.loads(cache().read_text())["utterances"] == 4
    assert not np.load(folder / "u-1.npy").any(), "left alone"
    assert (folder / "u-2.npy").read_bytes() == second, "made again"
    assert len(read_table(tmp_path / "out/vectors.scp")) == 4
    no_upstream()
    cache()


def test_another_upstream_is_refused(cache, hubert):
    cache()
    message = f"vectors of {NAME} .{hubert}.; choose another folder"
    with pytest.raises(ValueError, match=message):
        cache("wav2vec2")
    with pytest.raises(ValueError, match=message):
        cache(path_or_url="elsewhere")


def test_another_upstream_is_refused_also_after_a_kill(cache, wavs, tmp_path):
    wavs["u-2"].unlink()
    with pytest.raises(ValueError, match="no such file"):
        cache()
    assert (tmp_path / "out/npy/u-1.npy").exists()
    assert not (tmp_path / "out/vectors.json").exists(), "it says that all is there"
    with pytest.raises(ValueError, match="choose another folder"):
        cache(path_or_url="elsewhere")


def test_unreadable_and_short_audio_is_named(cache, wavs, make_wav, hubert, tmp_path):
    wavs["u-2"].write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"u-2.wav: u-2: .*not readable as audio"):
        cache()
    make_wav("u-2.wav", duration_s=0.02)
    arguments = ["--data_dir", tmp_path / "data", "--out_dir", tmp_path / "out"]
    arguments += ["--upstream", NAME, "--path_or_url", hubert]
    with pytest.raises(SystemExit, match="cache_upstream_vectors: .*u-2: 320 samples are too"):
        entry.main([str(word) for word in arguments])
