"""Systems of emotion recognition in miniature, written as strings of emotions."""

from collections.abc import Sequence
from typing import Any

from espnet2_ext.metrics.ser import Prediction
from espnet2_ext.report.ser import FoldResult, SystemScores

CLASSES = ("angry", "sad")


def predictions(
    prefix: str, labels: str, predicted: str, classes: Sequence[str] = CLASSES
) -> list[Prediction]:
    """Return predictions of utterances <prefix>-0 ...; ``a`` is angry, ``s`` sad."""
    names = {name[0]: name for name in classes}
    return [
        Prediction(
            utterance=f"{prefix}-{number}",
            emotion=names[label],
            predicted=names[guess],
            posteriors={name: float(name == names[guess]) for name in classes},
        )
        for number, (label, guess) in enumerate(zip(labels, predicted, strict=True))
    ]


def fold_result(
    fold: str,
    labels: str,
    predicted: str,
    *,
    seed: int = 0,
    leaked: str | None = None,
    classes: Sequence[str] = CLASSES,
    prefix: str | None = None,
    **fields: Any,
) -> FoldResult:
    """Return a fold; ``leaked`` are the predictions of the test-selected epoch, if others."""
    prefix = fold if prefix is None else prefix
    return FoldResult(
        fold=fold,
        seed=seed,
        predictions=predictions(prefix, labels, predicted, classes),
        test_selected=predictions(prefix, labels, leaked or predicted, classes),
        **{"num_train": 8, "fold_hash": f"{fold}0123456789", **fields},
    )


def system(folds: Sequence[FoldResult], name: str = "system", **fields: Any) -> SystemScores:
    """Return a system under the protocol ``loso``."""
    values = {"protocol": "loso", "selection": "epoch of the best validation UA", **fields}
    return SystemScores(name, folds=folds, **values)
