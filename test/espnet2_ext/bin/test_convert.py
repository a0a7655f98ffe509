"""The command from end to end on random weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from reference.tiny_trained import write_trained_model

from espnet2_ext.bin import convert


def test_any_files_become_audio_a_table_and_a_figure(
    tmp_path: Path,
    make_wav: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = write_trained_model(tmp_path / "recipe")
    monkeypatch.chdir(tmp_path)
    make_wav("source.mp3", rate_hz=8000, duration_s=0.5)
    make_wav("angry.flac", channels=2, rate_hz=44100)
    make_wav("angrier.ogg", seed=2)
    given = f"--model_file {model} --source source.mp3 --speaker angry.flac --out result.wav"
    convert.main(
        f"{given} --prosody angry.flac angrier.ogg --prosody angry.flac --plot result.png "
        "--intensity 1.5 --interpolate_from angrier.ogg".split()
    )
    written, rate_hz = soundfile.read(tmp_path / "result.wav")
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == [
        "recording", "source", "prosody", "prosody", "prosody", "converted"
    ]  # fmt: skip
    assert rows[1][1] == "0.50"
    assert float(rows[-1][1]) == pytest.approx(len(written) / rate_hz, abs=0.005)
    assert (tmp_path / "result.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(SystemExit, match=r"^convert: nobody\.wav: no such file$"):
        convert.main(f"{given} --prosody nobody.wav".split())
