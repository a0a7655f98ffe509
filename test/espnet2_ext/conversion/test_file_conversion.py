"""One file in, one file out."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.conversion.recordings import AnyConversion, ConvertedFile, Segment, convert_file


class FakeConverter:
    """Prosody is the seconds of the files, the voice too; speech is as loud as prosody."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, float]] = []

    def prosody(self, files: list[Path]) -> np.ndarray:
        return np.array([np.mean([soundfile.info(path).duration for path in files])])

    def speaker(self, file: Path) -> np.ndarray:
        return np.array([soundfile.info(file).duration])

    def convert(self, source: np.ndarray, prosody: np.ndarray, voice: np.ndarray) -> AnyConversion:
        if len(source) == 3200:
            raise ValueError("too short for a unit")
        self.heard.append((round(float(prosody[0]), 6), float(voice[0])))
        speech = Segment(0, len(source), False)
        return AnyConversion(np.full(1600, 2.0 * prosody[0], np.float32), [speech], [speech])


@pytest.fixture
def files(make_wav: Callable[..., Path], tmp_path: Path) -> dict[str, Path]:
    """Return recordings of 0.3 (source), 0.5, 0.7 and 0.9 s, and where to write."""
    seconds = {"source": 0.3, "angry": 0.5, "sad": 0.7, "voice": 0.9, "short": 0.2}
    wavs = {name: make_wav(f"{name}.wav", duration_s=each) for name, each in seconds.items()}
    return {**wavs, "out": tmp_path / "out" / "result.wav"}


def test_who_gives_what(files: dict[str, Path]) -> None:
    converter = FakeConverter()
    source, angry, sad, out = files["source"], files["angry"], files["sad"], files["out"]
    for options in (
        {"prosody": [angry]},
        {"prosody": [angry, sad], "speaker": files["voice"]},
        {"prosody": [angry], "intensity": 2.0},
        {"prosody": [angry], "intensity": 0.25, "interpolate_from": files["voice"]},
    ):
        result = convert_file(converter, source=source, out=out, **options)
    assert converter.heard == [(0.5, 0.3), (0.6, 0.9), (0.7, 0.3), (0.8, 0.3)]
    assert [len(each) for each in (result.source, *result.references)] == [4800, 8000]
    written, rate_hz = soundfile.read(out)
    assert (rate_hz, len(written)) == (16000, 1600)


def test_what_went_wrong_is_said(files: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        convert_file(
            FakeConverter(), source=files["source"], prosody=[files["sad"]], out=files["out"]
        )
    assert "source.wav: 0.0 to 0.3 s: the model found no end" in caplog.text
    assert "result.wav: samples above full scale were clipped" in caplog.text


def test_refuses_what_makes_no_sense(files: dict[str, Path]) -> None:
    given = {"source": files["source"], "prosody": [files["sad"]], "out": files["out"]}
    with pytest.raises(ValueError, match=r"angry\.wav: .* matters only with an intensity"):
        convert_file(FakeConverter(), **given, interpolate_from=files["angry"])
    with pytest.raises(ValueError, match=r"result\.mp3: only \.wav and \.flac"):
        convert_file(FakeConverter(), **{**given, "out": files["out"].with_suffix(".mp3")})
    with pytest.raises(ValueError, match=r"short\.wav: too short for a unit"):
        convert_file(FakeConverter(), **{**given, "source": files["short"]})


@pytest.mark.parametrize(("seconds", "said"), [(0.05, "0.050 s is too short"), (2.0, "silent")])
def test_a_source_without_speech_gets_one_line_and_nothing_is_written(
    files: dict[str, Path], seconds: float, said: str
) -> None:
    soundfile.write(files["source"], np.zeros(int(16000 * seconds)), 16000)
    with pytest.raises(ValueError, match=rf"source\.wav: {said}.* source; give "):
        convert_file(
            FakeConverter(), source=files["source"], prosody=[files["sad"]], out=files["out"]
        )
    assert not files["out"].exists()


def test_summary_gives_seconds_and_pitch(make_pulses: Callable[..., np.ndarray]) -> None:
    heard = ConvertedFile(make_pulses(150, 1.0), [make_pulses(200, 0.5)], np.zeros(8000))
    lines = [line.split("\t") for line in heard.summary().splitlines()]
    assert lines[0] == ["recording", "seconds", "mean_f0_hz"]
    assert [line[:2] for line in lines[1:]] == [
        ["source", "1.00"], ["prosody", "0.50"], ["converted", "0.50"]
    ]  # fmt: skip
    assert float(lines[1][2]) == pytest.approx(150, rel=0.01)
    assert float(lines[2][2]) == pytest.approx(200, rel=0.01)
    assert lines[3][2] == "unvoiced"


@pytest.mark.parametrize("lost", ["source", "angry", "voice"])
def test_a_recording_is_not_overwritten(files: dict[str, Path], lost: str) -> None:
    out = files[lost].parent / "." / files[lost].name
    before = files[lost].read_bytes()
    with pytest.raises(ValueError, match="is one of the recordings"):
        convert_file(
            FakeConverter(),
            source=files["source"],
            prosody=[files["angry"]],
            speaker=files["voice"],
            out=out,
        )
    assert files[lost].read_bytes() == before
