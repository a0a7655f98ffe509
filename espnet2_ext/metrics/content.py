"""How much of the content of speech is right: units, words, and the path of the attention."""

import importlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

Transcriber = Callable[[np.ndarray], str]
"""Text of a waveform (N,) at 16 kHz."""

LOOP_UNITS = 3
"""Falling back by more units than this is a loop: something is said again."""

_NO_WORD = re.compile(r"[^\w\s]|_")


def unit_error_rate(reference: Sequence[int], hypothesis: Sequence[int]) -> float:
    """Return edits of de-duplicated units / reference units, which may exceed 1.

    An empty reference raises ValueError.
    """
    if len(reference) == 0:
        raise ValueError("the unit error rate needs a reference with at least one unit")
    sequences = ([int(unit) for unit in units] for units in (reference, hypothesis))
    return Levenshtein.distance(*sequences) / len(reference)


def word_error_rate(reference: str, hypothesis: str) -> tuple[float, int]:
    """Return word edits over reference words, which may exceed 1, and the number of the latter.

    Case, punctuation and apostrophes do not count; each Chinese or Japanese character is a word. A
    reference without words raises ValueError.
    """
    expected = spoken_words(reference)
    if not expected:
        raise ValueError("the word error rate needs references with at least one word")
    edits = Levenshtein.distance(expected, spoken_words(hypothesis))
    return edits / len(expected), len(expected)


def spoken_words(text: str) -> list[str]:
    """Return the words of a text, lower case, without punctuation."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"['’]", "", text)
    text = re.sub(r"([\u3040-\u30ff\u3400-\u9fff])", r" \1 ", text)
    return _NO_WORD.sub(" ", text).split()


def installed_whisper() -> str:
    """Return ``faster_whisper``, or else ``whisper``; ValueError if neither is installed."""
    for package in ("faster_whisper", "whisper"):
        with suppress(ModuleNotFoundError):
            importlib.import_module(package)
            return package
    raise ValueError(
        "the word error rate needs a speech recogniser; pip install faster-whisper"
        " (or openai-whisper)"
    )


def whisper_transcriber(
    model: str = "base", *, language: str | None = None, device: str = "cpu"
) -> Transcriber:
    """Return a transcriber by faster-whisper or else by openai-whisper (`installed_whisper`).

    Greedy decoding without temperature fallback or earlier text: the same audio gives the same
    text. ``model`` is a name such as ``base`` or a local path; ``language`` None detects it.
    """
    options = {"language": language, "temperature": 0.0, "condition_on_previous_text": False}
    if installed_whisper() == "faster_whisper":
        from faster_whisper import WhisperModel

        faster = WhisperModel(model, device=device)

        def transcribe(waveform: np.ndarray) -> str:
            segments, _ = faster.transcribe(waveform, beam_size=1, **options)
            return " ".join(segment.text.strip() for segment in segments)
    else:
        import whisper

        openai = whisper.load_model(model, device=device)

        def transcribe(waveform: np.ndarray) -> str:
            return openai.transcribe(waveform, fp16=device != "cpu", **options)["text"].strip()

    return lambda waveform: transcribe(np.asarray(waveform, dtype=np.float32))


@dataclass(frozen=True)
class AttentionPath:
    """Path of the most attended unit over the decoder's steps.

    ``forward_share`` is the share of steps, from the second on, that do not move back;
    ``consumed_share`` the furthest unit reached (0 the first, 1 the last); ``looped`` whether a
    step lies more than `LOOP_UNITS` behind the furthest so far.
    """

    forward_share: float
    consumed_share: float
    looped: bool


def attention_path(attention: np.ndarray) -> AttentionPath:
    """Return the path of attention weights (S, U); of equal weights the first counts.

    A single step has a forward share of 1; a single unit is consumed at once.
    """
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
