"""Word error rate: how many words a speech recogniser hears otherwise than they are written."""

import importlib
import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

Transcriber = Callable[[np.ndarray], str]
"""Text of a waveform (N,) at 16 kHz."""

_NO_WORD = re.compile(r"[^\w\s]|_")


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Return edits of words over words of the references, all texts together; may exceed 1.

    Case and punctuation do not count, apostrophes do not split a word. Chinese and
    Japanese characters each count as a word, so that for these this is the character
    error rate.

    Args:
        references: (n,) what should be said.
        hypotheses: (n,) what was heard.

    Raises:
        ValueError: the lists differ in length, or the references hold no words.
    """
    if len(references) != len(hypotheses):
        raise ValueError(
            f"{len(references)} references but {len(hypotheses)} hypotheses; give one for each"
        )
    edits = words = 0
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        expected = spoken_words(reference)
        edits += Levenshtein.distance(expected, spoken_words(hypothesis))
        words += len(expected)
    if words == 0:
        raise ValueError("the word error rate needs references with at least one word")
    return edits / words


def spoken_words(text: str) -> list[str]:
    """Return the words of a text, lower case, without punctuation."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"['’]", "", text)
    text = re.sub(r"([\u3040-\u30ff\u3400-\u9fff])", r" \1 ", text)
    return _NO_WORD.sub(" ", text).split()


def installed_whisper() -> str:
    """Return which package recognises speech: ``faster_whisper``, or else ``whisper``.

    Raises:
        ValueError: neither is installed.
    """
    for package in ("faster_whisper", "whisper"):
        try:
            importlib.import_module(package)
        except ModuleNotFoundError:
            continue
        return package
    raise ValueError(
        "the word error rate needs a speech recogniser; pip install faster-whisper"
        " (or openai-whisper)"
    )


def whisper_transcriber(
    model: str = "base", *, language: str | None = None, device: str = "cpu"
) -> Transcriber:
    """Return a transcriber by faster-whisper or else by openai-whisper.

    Greedy and without fallback to higher temperatures or text of earlier audio, so that
    the same audio has the same text.

    Args:
        model: name such as ``base`` or ``large-v3``, or a local directory or file.
        language: code such as ``en``; None lets the model find out.
        device: ``cpu`` or ``cuda``.

    Raises:
        ValueError: neither package is installed.
    """
    build = _faster_whisper if installed_whisper() == "faster_whisper" else _openai_whisper
    return build(model, language, device)


def _faster_whisper(model: str, language: str | None, device: str) -> Transcriber:
    from faster_whisper import WhisperModel

    recogniser = WhisperModel(model, device=device)

    def transcribe(waveform: np.ndarray) -> str:
        segments, _ = recogniser.transcribe(
            np.asarray(waveform, dtype=np.float32),
            language=language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)

    return transcribe


def _openai_whisper(model: str, language: str | None, device: str) -> Transcriber:
    import whisper

    recogniser = whisper.load_model(model, device=device)

    def transcribe(waveform: np.ndarray) -> str:
        result = recogniser.transcribe(
            np.asarray(waveform, dtype=np.float32),
            language=language,
            temperature=0.0,
            condition_on_previous_text=False,
            fp16=device != "cpu",
        )
        return result["text"].strip()

    return transcribe
