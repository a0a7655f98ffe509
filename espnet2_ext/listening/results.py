"""The file that a listener hands in."""

import json
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.listening.key import ListeningTest, Trial
from espnet2_ext.listening.manifest import CHECK


@dataclass(frozen=True)
class Answer:
    """What a listener said to one trial.

    Attributes:
        trial: of the test.
        answer: one of its choices.
        plays_reference: how often the reference was heard to its end; 0 without one.
        plays_audio: how often the recording was.
        seconds: spent on the trial.
    """

    trial: Trial
    answer: str
    plays_reference: int
    plays_audio: int
    seconds: float


@dataclass(frozen=True)
class ListenerResult:
    """A whole session.

    Attributes:
        path: of the file.
        listener: number from 1.
        answers: in the order heard.
    """

    path: str
    listener: int
    answers: tuple[Answer, ...]

    @property
    def checks(self) -> tuple[int, int]:
        """Return how many checks of attention were failed, and how many there were."""
        checks = [answer for answer in self.answers if answer.trial.role == CHECK]
        return sum(a.answer not in a.trial.expected for a in checks), len(checks)


def read_result(path: str | Path, test: ListeningTest) -> ListenerResult:
    """Return the answers of a file.

    Raises:
        ValueError: the file cannot be read, belongs to another test, is not complete, or
            holds what the page does not write; one line without the name of the file.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"not readable as json ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict) or content.get("format") != 1:
        raise ValueError("not a file that the page saves")
    if content.get("test") != test.digest:
        raise ValueError(f"answers test {content.get('test')}, this is test {test.digest}")
    listener = content.get("listener")
    if type(listener) is not int or not 1 <= listener <= len(test.orders):
        raise ValueError(f"listener {listener!r:.20} is none of 1 to {len(test.orders)}")
    given = content.get("answers")
    if not isinstance(given, list) or not all(isinstance(answer, dict) for answer in given):
        raise ValueError("holds no list of answers")
    order = test.orders[listener - 1]
    if tuple(answer.get("trial") for answer in given) != order:
        raise ValueError(f"its trials are not those of listener {listener}, in that order")
    answers = [_answer(test, row) for row in given]
    return ListenerResult(str(path), listener, tuple(answers))


def _answer(test: ListeningTest, row: dict) -> Answer:
    """Return one answer; raise a ValueError for what the page would not have let through."""
    trial = test.trials[row["trial"]]
    choices = test.answers(trial.kind)
    if row.get("answer") is None:
        raise ValueError(f"not complete: {trial.trial_id} has no answer")
    if row["answer"] not in choices:
        raise ValueError(
            f"{trial.trial_id}: answer {row['answer']!r:.40} is none of {', '.join(choices)}"
        )
    reference, audio, seconds = (
        row.get(name) for name in ("plays_reference", "plays_audio", "seconds")
    )
    if not (
        isinstance(reference, int) and isinstance(audio, int) and isinstance(seconds, (int, float))
    ):
        raise ValueError(f"{trial.trial_id}: plays or seconds are not numbers")
    if audio < 1 or (trial.reference and reference < 1):
        raise ValueError(f"{trial.trial_id}: answered without hearing it to its end")
    return Answer(trial, row["answer"], reference, audio, float(seconds))
