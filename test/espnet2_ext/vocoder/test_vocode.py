"""A vocoder from a text, and a table of mels to a table of audio."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.vocoder.vocode import build_vocoder, vocode_mels, write_waveform


@pytest.fixture
def mel_scp(tmp_path: Path) -> Path:
    """Return a table of two mels."""
    mels = {"a": np.full((3, 80), -5.0), "b": np.full((2, 80), -6.0)}
    for key, mel in mels.items():
        np.save(tmp_path / f"{key}.npy", mel)
    write_table(tmp_path / "mel.scp", {key: tmp_path / f"{key}.npy" for key in mels})
    return tmp_path / "mel.scp"


def modified(folder: Path) -> dict[str, int]:
    """Return when each audio file was written."""
    return {path.stem: path.stat().st_mtime_ns for path in (folder / "wav").iterdir()}


def test_a_rerun_makes_only_what_is_missing_or_old(mel_scp: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    vocode_mels(mel_scp, out)
    wavs = {key: soundfile.info(wav) for key, wav in read_table(out / "wav.scp").items()}
    assert {key: (i.frames, i.samplerate) for key, i in wavs.items()} == {
        "a": (768, 16000), "b": (512, 16000)
    }  # fmt: skip
    before = modified(out)
    vocode_mels(mel_scp, out)
    assert modified(out) == before
    soundfile.write(out / "wav/b.wav", np.zeros(10), 16000)  # Half a file.
    vocode_mels(mel_scp, out)
    assert soundfile.info(out / "wav/b.wav").frames == 512
    later = (out / "wav/a.wav").stat().st_mtime + 10
    os.utime(tmp_path / "a.npy", (later, later))
    vocode_mels(mel_scp, out)
    assert modified(out)["a"] != before["a"]
    before = modified(out)
    (out / "vocoder.json").write_text('{"vocoder": "some/other"}')
    vocode_mels(mel_scp, out)
    assert all(modified(out)[key] != before[key] for key in before)


def test_names_the_mel_that_is_bad(mel_scp: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", np.zeros((2, 79)))
    with pytest.raises(ValueError, match="b.npy: a vocoder takes"):
        vocode_mels(mel_scp, tmp_path / "out")


def test_tells_when_samples_were_clipped(
    mel_scp: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert write_waveform(tmp_path / "loud.wav", np.array([0.0, 1.5]))
    assert not write_waveform(tmp_path / "soft.wav", np.array([0.0, -1.0]))
    np.save(tmp_path / "a.npy", np.full((3, 80), 5.0))
    vocode_mels(mel_scp, tmp_path / "out")
    assert "1 of 2 files were clipped" in caplog.text


@pytest.mark.parametrize("spec", ["owner/name", "./folder"])
def test_anything_with_a_slash_is_a_hifigan(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr(
        "espnet2_ext.vocoder.hifigan.HifiGan", lambda *arguments: built.append(arguments)
    )
    build_vocoder(spec, "cuda")
    assert built == [(spec, "cuda")]
    assert build_vocoder("griffin_lim") is build_vocoder("griffin_lim")
    with pytest.raises(ValueError, match="expected 'griffin_lim'"):
        build_vocoder("griffinlim")
