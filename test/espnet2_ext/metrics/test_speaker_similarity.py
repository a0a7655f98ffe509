"""Cosines of speaker vectors."""

import numpy as np
import pytest

from espnet2_ext.metrics.speaker import speaker_similarity


def test_cosine_by_hand() -> None:
    assert speaker_similarity(np.array([3.0, 4.0]), np.array([4.0, 3.0])) == pytest.approx(0.96)
    assert speaker_similarity(np.array([1.0, 2.0]), np.array([10.0, 20.0])) == pytest.approx(1.0)
    assert speaker_similarity(np.array([1.0, 0.0]), np.array([-2.0, 0.0])) == -1.0


@pytest.mark.parametrize("other", [np.ones(3), np.ones((1, 2))])
def test_refuses_vectors_of_two_encoders(other: np.ndarray) -> None:
    with pytest.raises(ValueError, match="take both from one encoder"):
        speaker_similarity(np.ones(2), other)


@pytest.mark.parametrize("other", [np.zeros(2), np.array([np.nan, 1.0])])
def test_refuses_vectors_without_direction(other: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite and not zero"):
        speaker_similarity(np.ones(2), other)
