"""A uniform sample that knows no order."""

import numpy as np
import pytest

from espnet2_ext.units.kmeans import Reservoir, choose_utterances, utterance_generator

UTTERANCES = {f"s-{number:03d}": 1 + 7 * number % 40 for number in range(60)}
TOTAL = sum(UTTERANCES.values())


def frames_of(utterance_id):
    """Frames that say where they come from."""
    number = int(utterance_id[2:])
    index = np.arange(UTTERANCES[utterance_id])
    return np.stack([np.full(len(index), number), index], axis=1).astype(np.float32)


def sample(max_frames, order, seed=0):
    reservoir = Reservoir(max_frames, seed)
    for utterance_id in order:
        reservoir.add(utterance_id, frames_of(utterance_id))
    assert reservoir.num_seen == TOTAL
    return reservoir.frames()


@pytest.mark.parametrize("max_frames", [1, 10, 400, TOTAL - 1, TOTAL, 10 * TOTAL])
def test_is_the_frames_of_smallest_key_in_any_order(max_frames):
    keyed = sorted(
        (key, *frame)
        for utterance_id in UTTERANCES
        for key, frame in zip(
            utterance_generator(0, utterance_id).random(UTTERANCES[utterance_id]),
            frames_of(utterance_id).tolist(),
            strict=True,
        )
    )
    oracle = np.array(keyed)[:max_frames, 1:]
    order = list(UTTERANCES)
    assert np.array_equal(sample(max_frames, order), oracle)
    assert np.array_equal(sample(max_frames, order[::-1]), oracle)


def test_every_frame_is_as_likely():
    seeds = 300
    counts = np.zeros(len(UTTERANCES))
    for seed in range(seeds):
        numbers = sample(100, UTTERANCES, seed)[:, 0].astype(int)
        counts += np.bincount(numbers, minlength=len(counts))
    expected = seeds * 100 * np.array(list(UTTERANCES.values())) / TOTAL
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 110  # 59 degrees of freedom: exceeded once in 10,000


def test_memory_is_bounded():
    reservoir = Reservoir(100)
    for number in range(50):
        reservoir.add(f"s-{number}", np.zeros((40, 3), np.float32))
    assert len(reservoir._frames) <= 100 * 1.25 + 40


def test_needs_room():
    with pytest.raises(ValueError, match="max_frames must be at least 1, got 0"):
        Reservoir(0)


def test_choice_of_utterances():
    everyone = list(UTTERANCES)
    half = choose_utterances(everyone, 0.5, None, seed=0)
    assert half == sorted(half) and len(half) == 30 and set(half) < set(everyone)
    assert half == choose_utterances(everyone[::-1], 0.5, None, seed=0)
    assert half != choose_utterances(everyone, 0.5, None, seed=1)
    assert set(choose_utterances(everyone, 0.5, 10, seed=0)) < set(half)
    assert choose_utterances(everyone, 1.0, None, seed=0) == everyone
    assert len(choose_utterances(everyone, 0.001, None, seed=0)) == 1


@pytest.mark.parametrize(
    ("portion", "limit", "message"),
    [(0.0, None, "portion"), (1.1, None, "portion"), (1.0, 0, "max_utterances")],
)
def test_choice_of_nothing(portion, limit, message):
    with pytest.raises(ValueError, match=message):
        choose_utterances(["a"], portion, limit, seed=0)
