"""``predictions.tsv``: what a recogniser said of each test utterance, and how surely.

Every score, interval, test and figure of a system can be rebuilt from these files.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open

COLUMNS = ("utterance", "emotion", "predicted")
"""Columns before the posteriors."""
POSTERIOR_PREFIX = "p_"
TOLERANCE = 1.0e-3
"""Of the posteriors and their sum, for half precision and six written digits."""
_REMEDY = "test the fold again"


@dataclass(frozen=True)
class Prediction:
    """One line of ``predictions.tsv``.

    Attributes:
        utterance: id.
        emotion: reference.
        predicted: a class of the highest posterior.
        posteriors: ``{class: probability}``; its keys are the classes, in their order.
    """

    utterance: str
    emotion: str
    predicted: str
    posteriors: Mapping[str, float]

    def __post_init__(self) -> None:
        """Check the line.

        Raises:
            ValueError: a name would not survive in a table, an emotion is no class, or
                the posteriors are no distribution whose maximum is the predicted class.
        """
        for name in (self.utterance, self.emotion, self.predicted, *self.posteriors):
            if "\t" in name or name.strip() != name or len(name.splitlines()) != 1:
                raise ValueError(
                    f"{self.utterance}: name {name!r} is empty, has a tab or a line end, or blanks "
                    "around it"
                )
        for name in (self.emotion, self.predicted):
            if name not in self.posteriors:
                classes = ", ".join(self.posteriors)
                raise ValueError(f"{self.utterance}: {name} is none of the classes {classes}")
        values = list(self.posteriors.values())
        if not all(0.0 <= value <= 1.0 + TOLERANCE for value in values):  # NaN is not, either.
            raise ValueError(f"{self.utterance}: a posterior lies outside 0 to 1: {values}")
        if not math.isclose(sum(values), 1.0, abs_tol=TOLERANCE):
            raise ValueError(f"{self.utterance}: posteriors sum to {sum(values):.6g}, not to 1")
        # Columns in another order than the classes would show here and nowhere else.
        if self.posteriors[self.predicted] < max(values):
            raise ValueError(
                f"{self.utterance}: predicted {self.predicted}, which is not the class of the "
                "highest posterior"
            )


def write_predictions(path: str | Path, predictions: Iterable[Prediction]) -> None:
    """Write a header and a line a prediction, sorted by utterance, replacing the file at once.

    Posteriors get six digits, so close ones may be equal in the file, never swapped.

    Raises:
        ValueError: there is no prediction, an utterance stands twice, or classes differ.
    """
    ordered = sorted(predictions, key=lambda prediction: prediction.utterance)
    if not ordered:
        raise ValueError(f"{path}: no predictions to write; test at least one utterance")
    classes = tuple(ordered[0].posteriors)
    for before, after in zip(ordered, ordered[1:]):
        if before.utterance == after.utterance:
            raise ValueError(f"{path}: {after.utterance}: stands twice; test each utterance once")
        if tuple(after.posteriors) != classes:
            raise ValueError(
                f"{path}: {after.utterance}: classes {', '.join(after.posteriors)} instead of "
                f"{', '.join(classes)}; write one recogniser's predictions"
            )
    with atomic_open(path) as stream:
        stream.write("\t".join([*COLUMNS, *(POSTERIOR_PREFIX + name for name in classes)]) + "\n")
        for prediction in ordered:
            values = (f"{value:.6g}" for value in prediction.posteriors.values())
            names = (prediction.utterance, prediction.emotion, prediction.predicted)
            stream.write("\t".join([*names, *values]) + "\n")


def read_predictions(path: str | Path) -> list[Prediction]:
    """Return what `write_predictions` wrote, in file order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the header is another one, a line is half or wrong, an utterance
            stands twice, or there is no line; file and line are named.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no predictions yet; {_REMEDY}")
    with open(path, encoding="utf-8") as stream:
        header, *lines = [line.rstrip("\n").split("\t") for line in stream] or [[]]
    classes = _classes(path, header)
    predictions: list[Prediction] = []
    seen: set[str] = set()
    for number, cells in enumerate(lines, start=2):
        if len(cells) != len(header):
            raise ValueError(
                f"{path}:{number}: {len(cells)} fields instead of {len(header)}; {_REMEDY}"
            )
        try:
            prediction = _prediction(cells, classes)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}; {_REMEDY}") from error
        if prediction.utterance in seen:
            raise ValueError(f"{path}:{number}: {prediction.utterance} stands twice; {_REMEDY}")
        seen.add(prediction.utterance)
        predictions.append(prediction)
    if not predictions:
        raise ValueError(f"{path}: a header and no predictions; {_REMEDY}")
    return predictions


def _classes(path: str | Path, header: Sequence[str]) -> list[str]:
    """Return the classes that the header names, each once."""
    columns = header[len(COLUMNS) :]
    classes = [name.removeprefix(POSTERIOR_PREFIX) for name in columns]
    if (
        tuple(header[: len(COLUMNS)]) != COLUMNS
        or not all(name.startswith(POSTERIOR_PREFIX) for name in columns)
        or not 0 < len(set(classes)) == len(classes)
    ):
        raise ValueError(
            f"{path}:1: not a table of predictions: expected {' '.join(COLUMNS)} and a column "
            f"{POSTERIOR_PREFIX}<class> for each class; {_REMEDY}"
        )
    return classes


def _prediction(cells: Sequence[str], classes: Sequence[str]) -> Prediction:
    """Return the prediction of a line; raises ValueError for a wrong value."""
    utterance, emotion, predicted, *values = cells
    try:
        posteriors = {name: float(value) for name, value in zip(classes, values, strict=True)}
    except ValueError as error:
        raise ValueError(f"{utterance}: a posterior is no number ({error})") from error
    return Prediction(utterance, emotion, predicted, posteriors)
