"""Words by hand, and recognisers that are not there."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from espnet2_ext.metrics.content import (
    installed_whisper,
    spoken_words,
    whisper_transcriber,
    word_error_rate,
)


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
def test_counts_edits_per_word(reference: str, hypothesis: str, expected: float) -> None:
    assert word_error_rate([reference], [hypothesis]) == expected


def test_long_texts_weigh_more() -> None:
    assert word_error_rate(["one", "one two three"], ["two", "one two three"]) == 0.25


def test_words_are_lower_case_and_chinese_characters_words() -> None:
    assert spoken_words("Well -- DON’T go_there!") == ["well", "dont", "go", "there"]
    assert spoken_words("你好，world") == ["你", "好", "world"]


def test_refuses_what_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="2 references but 1 hypotheses"):
        word_error_rate(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="at least one word"):
        word_error_rate(["!"], ["a"])


def test_a_recogniser_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    monkeypatch.setitem(sys.modules, "whisper", None)
    for ask in (whisper_transcriber, installed_whisper):
        with pytest.raises(ValueError, match="pip install faster-whisper"):
            ask()


def test_faster_whisper_is_asked_for_what_is_reproducible(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    class Model:
        def __init__(self, name: str, device: str) -> None:
            asked.update(name=name, device=device)

        def transcribe(self, waveform: np.ndarray, **options: object) -> tuple[list, None]:
            asked.update(options, dtype=waveform.dtype)
            return [SimpleNamespace(text=" One"), SimpleNamespace(text=" two.")], None

    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=Model))
    assert installed_whisper() == "faster_whisper"
    assert whisper_transcriber("tiny", language="en")(np.zeros(10)) == "One two."
    expected = {"name": "tiny", "device": "cpu", "language": "en", "temperature": 0.0}
    assert expected.items() <= asked.items()
    assert asked["beam_size"] == 1 and asked["dtype"] == np.float32


def test_openai_whisper_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def transcribe(waveform: np.ndarray, **options: object) -> dict[str, str]:
        asked.update(options)
        return {"text": " One two. "}

    model = SimpleNamespace(transcribe=transcribe)
    package = SimpleNamespace(load_model=lambda name, device: model)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    monkeypatch.setitem(sys.modules, "whisper", package)
    assert whisper_transcriber("tiny")(np.zeros(10)) == "One two."
    assert (asked["temperature"], asked["fp16"], asked["language"]) == (0.0, False, None)
