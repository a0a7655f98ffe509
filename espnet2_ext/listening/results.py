"""The files that listeners hand in, and which of them count."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.listening.design import ListeningTest, Trial
from espnet2_ext.listening.manifest import CHECK, answers_of

logger = logging.getLogger(__name__)

EXCLUDED = "excluded.tsv"


@dataclass(frozen=True)
class Answer:
    """An answer to one trial; how often reference and recording were played to the end."""

    trial: Trial
    answer: str
    plays_reference: int
    plays_audio: int
    seconds: float


@dataclass(frozen=True)
class ListenerResult:
    """A whole session; listeners are numbered from 1, answers in the order of the page."""

    path: str
    listener: int
    answers: tuple[Answer, ...]


def read_result(path: str | Path, test: ListeningTest) -> ListenerResult:
    """Return the answers of a file; ValueError if it is not what the page of this test saves."""
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
    trial = test.trials[row["trial"]]
    choices = answers_of(trial.kind, test.emotions)
    answer = row.get("answer")
    if answer not in choices:
        fault = f"answer {answer!r:.40} is none of {', '.join(choices)}"
        raise ValueError(f"{trial.trial_id}: {'not complete' if answer is None else fault}")
    names = ("plays_reference", "plays_audio", "seconds")
    reference, audio, seconds = (row.get(name) for name in names)
    if not (
        isinstance(reference, int) and isinstance(audio, int) and isinstance(seconds, (int, float))
    ):
        raise ValueError(f"{trial.trial_id}: plays or seconds are not numbers")
    if audio < 1 or (trial.reference and reference < 1):
        raise ValueError(f"{trial.trial_id}: answered without hearing it to its end")
    return Answer(trial, answer, reference, audio, float(seconds))


@dataclass(frozen=True)
class Collection:
    """The sessions that count, by listener, and paths of the others to the reason."""

    results: tuple[ListenerResult, ...]
    excluded: Mapping[str, str]


def collect_results(
    result_dir: str | Path, test: ListeningTest, *, max_failed_checks: int = 0
) -> Collection:
    """Return the sessions of all ``.json`` files of a folder, at any depth.

    Left out are files that ``read_result`` refuses, listeners who failed more than
    ``max_failed_checks`` (# not in paper), and listener numbers with different answers; of files
    with equal answers of a listener the first counts. ValueError if no file counts.
    """
    excluded: dict[str, str] = {}
    by_listener: dict[int, list[ListenerResult]] = {}
    for path in sorted(Path(result_dir).rglob("*.json")):
        try:
            result = read_result(path, test)
            by_listener.setdefault(result.listener, []).append(result)
        except ValueError as error:
            excluded[str(path)] = str(error)
    counted = []
    for listener, (first, *others) in sorted(by_listener.items()):
        if any(other.answers != first.answers for other in others):
            names = " and ".join(Path(result.path).name for result in (first, *others))
            reason = f"listener {listener} stands in {names} with different answers; keep one"
            excluded |= {result.path: f"{reason} of them" for result in (first, *others)}
            continue
        reason = f"the same answers of listener {listener} as {first.path}"
        excluded |= {other.path: reason for other in others}
        checks = [answer for answer in first.answers if answer.trial.role == CHECK]
        failed = sum(check.answer not in check.trial.expected for check in checks)
        if failed > max_failed_checks:
            excluded[first.path] = f"failed {failed} of {len(checks)} checks of attention"
        else:
            counted.append(first)
    for name, reason in excluded.items():
        logger.warning("%s: left out: %s", name, reason)
    if not counted:
        example = "".join(f"; {name}: {reason}" for name, reason in list(excluded.items())[:1])
        raise ValueError(
            f"{result_dir}: none of {len(excluded)} .json files counts{example}; put there what "
            "listeners saved"
        )
    return Collection(tuple(counted), excluded)


def write_excluded(path: str | Path, collection: Collection) -> None:
    """Write ``file<TAB>reason``, also an empty list, which says that every file counts."""
    with atomic_open(path) as stream:
        for name in sorted(collection.excluded):
            stream.write(f"{name}\t{collection.excluded[name]}\n")
