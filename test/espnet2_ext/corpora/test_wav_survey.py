"""What headers of wavs say."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espnet2_ext.corpora.copies import survey_wavs


def test_good_odd_and_broken_wavs(
    make_wav: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    make_wav("good.wav", duration_s=0.9)
    make_wav("odd.wav", duration_s=0.9, rate_hz=44100, channels=2)
    make_wav("empty.wav", duration_s=0.0)
    (tmp_path / "page.wav").write_text("<html>404</html>")
    wavs = {name: f"{name}.wav" for name in ("odd", "good", "empty", "page", "gone")}
    survey = survey_wavs(tmp_path, wavs, dict.fromkeys(wavs, 16000))
    assert survey.readable == ["odd", "good"]
    assert survey.hours == pytest.approx(1.8 / 3600)
    assert survey.other_formats == {"odd.wav": "44100 Hz, 2 channels"}
    assert list(survey.unreadable) == ["empty.wav", "page.wav", "gone.wav"]
    assert survey.unreadable["empty.wav"] == "holds no samples"
    assert survey.unreadable["page.wav"].startswith("not readable as audio: Error opening")
    assert "1 wavs have another rate or channels than those released, first odd.wav" in caplog.text


def test_the_released_rate_is_no_matter_of_16_khz(make_wav: Callable[..., Path], tmp_path: Path):
    make_wav("a.wav", rate_hz=44100)
    assert survey_wavs(tmp_path, {"a": "a.wav"}, {"a": 44100}).other_formats == {}
