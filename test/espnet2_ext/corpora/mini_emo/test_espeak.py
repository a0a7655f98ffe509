import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from espnet2_ext.corpora.mini_emo import speech as espeak
from espnet2_ext.corpora.mini_emo.speech import (
    EspeakError,
    EspeakSettings,
    espeak_version,
    synthesize,
)

TEXT = "Seven geese slept."
PLAIN = EspeakSettings("en-us+m3", rate_wpm=165, pitch=50, pitch_range=50)
BREATHY = dataclasses.replace(PLAIN, voice="en+Alicia")


def test_speaks_at_a_plausible_length_and_without_clipping():
    samples = synthesize(TEXT, PLAIN)
    assert samples.dtype == np.int16
    assert 0.6 < len(samples) / espeak.SAMPLE_RATE_HZ < 3.0
    assert 300 < np.abs(samples).max() < 32767


def test_samples_do_not_depend_on_what_was_spoken_before():
    # Alicia's voice uses the library's noise and flutter, which outlive a synthesis.
    first = synthesize(TEXT, BREATHY)
    synthesize("Another sentence altogether.", PLAIN)
    np.testing.assert_array_equal(synthesize(TEXT, BREATHY), first)


def test_every_setting_reaches_the_library():
    plain = synthesize(TEXT, PLAIN)
    assert len(synthesize(TEXT, dataclasses.replace(PLAIN, rate_wpm=120))) > 1.2 * len(plain)
    loud = synthesize(TEXT, dataclasses.replace(PLAIN, volume=50))
    assert np.std(loud.astype(float)) == pytest.approx(2 * np.std(plain.astype(float)), rel=0.2)
    for change in ({"pitch": 70}, {"pitch_range": 0}, {"voice": "en+m3"}, {"voice": "en-us+f1"}):
        assert not np.array_equal(synthesize(TEXT, dataclasses.replace(PLAIN, **change)), plain)


def test_works_from_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    expected = synthesize(TEXT, PLAIN)
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(synthesize(TEXT, PLAIN), expected)
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize("voice", ["en-gb+m3", "en-us+nobody", "xx"])
def test_unknown_voice_is_an_error(voice: str):
    with pytest.raises(EspeakError, match=f"'{voice.replace('+', '.')}'.*no such voice"):
        synthesize(TEXT, dataclasses.replace(PLAIN, voice=voice))


def test_empty_text_is_an_error():
    with pytest.raises(EspeakError, match="text is empty"):
        synthesize(" ", PLAIN)


@pytest.mark.parametrize(
    ("outcome", "message"),
    [((0, b""), "nothing was spoken"), ((3, b""), "did not find its data")],
)
def test_failure_in_the_child_is_an_error(monkeypatch: pytest.MonkeyPatch, outcome, message: str):
    monkeypatch.setattr(espeak, "_speak_in_engine", lambda text, settings: outcome)
    with pytest.raises(EspeakError, match=message):
        synthesize(TEXT, PLAIN)


def test_exception_in_the_child_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(espeak, "_speak_in_engine", lambda text, settings: 1 / 0)
    with pytest.raises(EspeakError, match="the synthesis failed"):
        synthesize(TEXT, PLAIN)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(EspeakError, match="pip install espeakng-loader"):
        espeak_version()


def test_version_is_known():
    assert espeak_version().startswith("1.")
