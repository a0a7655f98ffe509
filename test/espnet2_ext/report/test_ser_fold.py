"""The test of one fold."""

from dataclasses import replace

import numpy as np
import pytest

from espnet2_ext.metrics.ser import Prediction
from espnet2_ext.report.ser import FoldResult

SAD_AS_SAD = Prediction("u", "sad", "sad", {"angry": 0.0, "sad": 1.0})
ANGRY_AS_SAD = Prediction("v", "angry", "sad", {"angry": 0.0, "sad": 1.0})
ANGRY_AS_ANGRY = Prediction("v", "angry", "angry", {"angry": 1.0, "sad": 0.0})
RESULT = FoldResult("fold_1", 3, [SAD_AS_SAD, ANGRY_AS_SAD], 8, "abc")


def test_labels_classes_and_confusions() -> None:
    assert RESULT.labels == {"u": "sad", "v": "angry"}
    assert RESULT.classes == ("angry", "sad")
    np.testing.assert_array_equal(RESULT.confusion(["angry", "sad"]), [[0, 1], [0, 1]])
    np.testing.assert_array_equal(RESULT.confusion(["sad", "angry"]), [[1, 0], [1, 0]])


def test_confusions_of_both_epochs() -> None:
    # In another order of utterances, which does not matter.
    result = replace(RESULT, test_selected=[ANGRY_AS_ANGRY, SAD_AS_SAD])
    np.testing.assert_array_equal(
        result.confusion(["angry", "sad"], test_selected=True), [[1, 0], [0, 1]]
    )
    np.testing.assert_array_equal(result.confusion(["angry", "sad"]), [[0, 1], [0, 1]])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"predictions": []}, "no predictions or no training utterances"),
        ({"num_train": 0}, "no predictions or no training utterances"),
        ({"predictions": [SAD_AS_SAD, SAD_AS_SAD]}, "an utterance is predicted twice"),
        ({"test_selected": []}, "of other utterances or emotions"),
        ({"test_selected": [SAD_AS_SAD]}, "of other utterances or emotions"),
        (
            {"test_selected": [SAD_AS_SAD, ANGRY_AS_SAD, ANGRY_AS_SAD]},
            "an utterance is predicted twice",
        ),
        (
            {"predictions": [SAD_AS_SAD, Prediction("w", "sad", "sad", {"sad": 1.0})]},
            "w: other classes than angry, sad",
        ),
    ],
)
def test_refuses_what_cannot_be_scored(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^fold_1, seed 3: .*{message}.*test it again$"):
        replace(RESULT, **fields)


def test_refuses_confusions_that_were_not_looked_up() -> None:
    with pytest.raises(ValueError, match="fold_1, seed 3: no test-selected predictions"):
        RESULT.confusion(["angry", "sad"], test_selected=True)
