"""The test of one fold under one seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.metrics.ser import confusion_matrix
from espnet2_ext.metrics.ser_predictions import Prediction


@dataclass(frozen=True)
class FoldResult:
    """What one training gave.

    Attributes:
        fold: name, such as ``fold_1``.
        seed: of the training; the lists are the same under all seeds.
        predictions: of the test list by the epoch that is best on validation.
        num_train: utterances trained on.
        fold_hash: of the fold's lists.
        test_selected: predictions by the epoch that the same measure finds best on the test list;
            None if that was not looked up.
    """

    fold: str
    seed: int
    predictions: Sequence[Prediction]
    num_train: int
    fold_hash: str
    test_selected: Sequence[Prediction] | None = None

    def __post_init__(self) -> None:
        """Check that there is something to score, once.

        Raises:
            ValueError: no predictions or training utterances, an utterance predicted
                twice, classes that differ, or test-selected predictions of other
                utterances. The message names fold and seed.
        """
        place = f"{self.fold}, seed {self.seed}"
        if not self.predictions or self.num_train < 1:
            raise ValueError(f"{place}: no predictions or no training utterances; test it again")
        labels = _labels(self.predictions)
        if self.test_selected is not None and _labels(self.test_selected) != labels:
            raise ValueError(
                f"{place}: test-selected predictions are of other utterances or emotions; test "
                "it again"
            )
        for predictions in (self.predictions, self.test_selected or self.predictions):
            if len(labels) < len(predictions):
                raise ValueError(f"{place}: an utterance is predicted twice; test it again")
            for prediction in predictions:
                if set(prediction.posteriors) != set(self.classes):
                    raise ValueError(
                        f"{place}: {prediction.utterance}: other classes than "
                        f"{', '.join(self.classes)}; test it again"
                    )

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the emotions in the order of the first prediction."""
        return tuple(self.predictions[0].posteriors)

    @property
    def labels(self) -> dict[str, str]:
        """Return ``{utterance: reference emotion}`` of the test list."""
        return _labels(self.predictions)

    def confusion(self, classes: Sequence[str], *, test_selected: bool = False) -> np.ndarray:
        """Return (K, K) counts, rows are references.

        Args:
            classes: order of rows and columns.
            test_selected: of the epoch that is best on the test list.

        Raises:
            ValueError: there are no test-selected predictions.
        """
        predictions = self.test_selected if test_selected else self.predictions
        if predictions is None:
            raise ValueError(f"{self.fold}, seed {self.seed}: no test-selected predictions")
        return confusion_matrix(
            [prediction.emotion for prediction in predictions],
            [prediction.predicted for prediction in predictions],
            classes,
        )


def _labels(predictions: Sequence[Prediction]) -> dict[str, str]:
    return {prediction.utterance: prediction.emotion for prediction in predictions}
