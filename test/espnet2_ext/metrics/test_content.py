"""Unit and word error rates by hand, recognisers that are not there, and attention paths."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from espnet2_ext.metrics.content import (
    attention_path,
    spoken_words,
    unit_error_rate,
    whisper_transcriber,
    word_error_rate,
)


@pytest.mark.parametrize(
    ("hypothesis", "expected"),
    [
        ([1, 2, 3, 4], 0.0),
        ([1, 9, 3, 4], 0.25),  # One substituted.
        ([1, 3, 4], 0.25),  # One deleted.
        ([1, 2, 7, 3, 4], 0.25),  # One inserted.
        ([], 1.0),
        ([1, 2, 3, 4, 1, 2, 3, 4, 5], 1.25),
    ],
)
def test_edits_per_unit(hypothesis: list[int], expected: float) -> None:
    assert unit_error_rate([1, 2, 3, 4], hypothesis) == expected


def test_units_may_be_arrays_and_above_a_byte() -> None:
    assert unit_error_rate(np.array([300, 44]), np.array([44, 44])) == 0.5
    with pytest.raises(ValueError, match="at least one unit"):
        unit_error_rate([], [1])


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("one two three four", "one two three four", 0.0),
        ("one two three four", "one too three four", 0.25),  # One substituted.
        ("one two three four", "one three four", 0.25),  # One deleted.
        ("one two", "one two three four five", 1.5),  # Three inserted.
        ("It's fine, isn't it?", "its fine isnt it", 0.0),
        ("one two", "", 1.0),
    ],
)
def test_edits_per_word(reference: str, hypothesis: str, expected: float) -> None:
    assert word_error_rate(reference, hypothesis)[0] == expected


def test_words() -> None:
    assert spoken_words("Well -- DON’T go_there!") == ["well", "dont", "go", "there"]
    assert word_error_rate("你好，world", "你好") == (1 / 3, 3)
    with pytest.raises(ValueError, match="at least one word"):
        word_error_rate("!", "a")


def test_missing_recogniser_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    monkeypatch.setitem(sys.modules, "whisper", None)
    with pytest.raises(ValueError, match="pip install faster-whisper"):
        whisper_transcriber()


def test_faster_whisper_is_reproducible(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def transcribe(waveform: np.ndarray, **options: object) -> tuple[list, None]:
        asked.update(options, dtype=waveform.dtype)
        return [SimpleNamespace(text=" One"), SimpleNamespace(text=" two.")], None

    model = SimpleNamespace(transcribe=transcribe)
    package = SimpleNamespace(WhisperModel=lambda *names, **options: model)
    monkeypatch.setitem(sys.modules, "faster_whisper", package)
    assert whisper_transcriber("tiny", language="en")(np.zeros(10)) == "One two."
    assert asked == {
        "dtype": np.float32,
        "language": "en",
        "beam_size": 1,
        "temperature": 0.0,
        "condition_on_previous_text": False,
    }


def test_openai_whisper_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def transcribe(waveform: np.ndarray, **options: object) -> dict[str, str]:
        asked.update(options)
        return {"text": " One two. "}

    package = SimpleNamespace(load_model=lambda *_, **__: SimpleNamespace(transcribe=transcribe))
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    monkeypatch.setitem(sys.modules, "whisper", package)
    assert whisper_transcriber("tiny")(np.zeros(10)) == "One two."
    assert (asked["temperature"], asked["fp16"], asked["language"]) == (0.0, False, None)


@pytest.mark.parametrize(
    ("positions", "num_units", "path"),
    [
        ([0, 1, 1, 2, 4], 5, (1.0, 1.0, False)),
        ([0, 1, 0, 1, 2], 5, (0.75, 0.5, False)),  # One of four moves goes back.
        ([0, 3, 0], 5, (0.5, 0.75, False)),  # Three units back: no loop yet.
        ([5, 4, 3, 2, 1], 6, (0.0, 1.0, True)),  # Slowly, but four behind the furthest.
        ([0], 1, (1.0, 1.0, False)),
    ],
)
def test_attention_path(positions: list[int], num_units: int, path: tuple) -> None:
    attention = 0.9 * np.eye(num_units)[positions] + 0.1 / num_units
    assert tuple(vars(attention_path(attention)).values()) == path
    with pytest.raises(ValueError, match="not finite"):
        attention_path(np.full((2, 2), np.nan))
