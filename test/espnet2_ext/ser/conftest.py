"""A corpus in miniature: five sessions of a woman and a man, and its data directory."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from espnet2_ext.data.directory import Utterance, write_data_directory

EMOTIONS = ("angry", "happy", "neutral", "sad")


@pytest.fixture
def utterances() -> dict[str, Utterance]:
    """Return 80 utterances: 10 speakers, each two of each emotion, no sentence twice.

    Those of speaker ``1f`` are ``1f-0`` to ``1f-7``; the dialogues of session 1 are
    ``1x`` (numbers 0 to 3) and ``1y``.
    """
    made = {}
    for session in "12345":
        for speaker in (f"{session}f", f"{session}m"):
            for number in range(8):
                key = f"{speaker}-{number}"
                made[key] = Utterance(
                    key,
                    speaker,
                    f"wav/{key}.wav",
                    text=f"Sentence {key} of all.",
                    emotion=EMOTIONS[number % 4],
                    session=f"Ses0{session}",
                    dialogue=f"{session}{'x' if number < 4 else 'y'}",
                )
    return made


@pytest.fixture
def change(utterances: dict[str, Utterance]) -> Callable[..., dict[str, Utterance]]:
    """Return a function: the utterances with fields of one of them, or of all, changed."""

    def change(key: str | None = None, **fields: str | None) -> dict[str, Utterance]:
        return {
            name: replace(value, **fields) if key in (name, None) else value
            for name, value in utterances.items()
        }

    return change


@pytest.fixture
def data_dir(tmp_path: Path, utterances: dict[str, Utterance]) -> Path:
    """Return the data directory of the utterances; there is no audio."""
    write_data_directory(tmp_path / "data", utterances.values())
    return tmp_path / "data"
