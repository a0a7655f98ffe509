"""Unit error rate: how much of the content, as units, was not said as it should be."""

import importlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

# ---------------------------------------------------------------- unit error rate


def unit_error_rate(reference: Sequence[int], hypothesis: Sequence[int]) -> float:
    """Return (substitutions + deletions + insertions) / reference units; may exceed 1.

    Both are de-duplicated units, so that speaking slower or faster is no error.

    Args:
        reference: (U,) units of the source.
        hypothesis: units of what was said.

    Raises:
        ValueError: the reference is empty.
    """
    if len(reference) == 0:
        raise ValueError("the unit error rate needs a reference with at least one unit")
    distance = Levenshtein.distance(
        [int(unit) for unit in reference], [int(unit) for unit in hypothesis]
    )
    return distance / len(reference)


# ---------------------------------------------------------------- word error rate
# Word error rate: how many words a speech recogniser hears otherwise than they are written.

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


# ---------------------------------------------------------------- attention path
# Whether the attention read the units once, in order and to the end.

LOOP_UNITS = 3
"""Falling back by more units than this is a loop: something is said again."""


@dataclass(frozen=True)
class AttentionPath:
    """What the unit attended most, step by step, says about a conversion.

    Attributes:
        forward_share: share of steps, from the second on, that do not move back.
        consumed_share: furthest unit reached, 0 the first and 1 the last.
        looped: whether a step lies more than 3 units behind the furthest so far.
    """

    forward_share: float
    consumed_share: float
    looped: bool


def attention_path(attention: np.ndarray) -> AttentionPath:
    """Return the figures of an attention map.

    One step cannot move back (forward share 1), one unit is consumed at once.

    Args:
        attention: (S, U) weights; of equal ones the first counts.

    Raises:
        ValueError: no steps, no units, or values that are not finite.
    """
    attention = np.asarray(attention)
    if attention.ndim != 2 or 0 in attention.shape:
        raise ValueError(f"expected attention of shape (steps, units), got {attention.shape}")
    if not np.isfinite(attention).all():
        raise ValueError("the attention holds values that are not finite")
    positions = attention.argmax(axis=1)  # (S,)
    moves = np.diff(positions)
    furthest = np.maximum.accumulate(positions)
    last_unit = attention.shape[1] - 1
    return AttentionPath(
        forward_share=float((moves >= 0).mean()) if len(moves) else 1.0,
        consumed_share=float(furthest[-1] / last_unit) if last_unit else 1.0,
        looped=bool((furthest - positions > LOOP_UNITS).any()),
    )
