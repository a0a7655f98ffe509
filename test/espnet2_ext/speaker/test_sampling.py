import logging
from collections import Counter

import numpy as np
import pytest

from espnet2_ext.speaker.sampling import SpeakerVectorSampler

UTT2SPK = {
    "a-3": "a",
    "a-1": "a",
    "a-2": "a",
    "b-1": "b",
    "sp0.9-a-1": "sp0.9-a",
    "sp0.9-a-2": "sp0.9-a",
}
VECTORS = {utterance: np.full(2, number) for number, utterance in enumerate(sorted(UTT2SPK))}


def test_random_draws_are_uniform_over_the_other_utterances() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=False)
    rng = np.random.default_rng(0)
    counts = Counter(sampler.choose("a-2", rng) for _ in range(2000))
    assert set(counts) == {"a-1", "a-3"}
    assert 900 < counts["a-1"] < 1100  # 1000 +- 4.5 standard deviations


def test_draw_returns_the_vector_as_float32() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=True)
    vector = sampler.draw("a-1")
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(vector, VECTORS["a-2"])


def test_deterministic_goes_round_in_sorted_order_whatever_the_order_of_the_set() -> None:
    for utt2spk in (UTT2SPK, dict(reversed(UTT2SPK.items()))):
        sampler = SpeakerVectorSampler(utt2spk, VECTORS, deterministic=True)
        chosen = {utterance: sampler.choose(utterance) for utterance in ("a-1", "a-2", "a-3")}
        assert chosen == {"a-1": "a-2", "a-2": "a-3", "a-3": "a-1"}


def test_a_perturbed_speaker_is_a_speaker_of_its_own() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=False)
    rng = np.random.default_rng(0)
    assert {sampler.choose("sp0.9-a-1", rng) for _ in range(20)} == {"sp0.9-a-2"}


def test_single_utterance_speakers_get_their_own_and_are_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=False)
        assert sampler.choose("b-1", np.random.default_rng(0)) == "b-1"
    assert sampler.single_utterance_speakers == ["b"]
    assert caplog.messages == [
        "1 of 3 speakers have one utterance with a speaker vector and get their own: b"
    ]


def test_an_utterance_without_a_vector_is_never_drawn_but_can_be_asked_for() -> None:
    vectors = {key: vector for key, vector in VECTORS.items() if key != "a-2"}
    rng = np.random.default_rng(0)
    sampler = SpeakerVectorSampler(UTT2SPK, vectors, deterministic=False)
    assert {sampler.choose("a-1", rng) for _ in range(20)} == {"a-3"}
    assert {sampler.choose("a-2", rng) for _ in range(40)} == {"a-1", "a-3"}
    fixed = SpeakerVectorSampler(UTT2SPK, vectors, deterministic=True)
    assert fixed.choose("a-2") == "a-1"
    # The only vector of a speaker still is another utterance's for one without.
    assert (
        SpeakerVectorSampler(UTT2SPK, {"a-1": VECTORS["a-1"]}, deterministic=True).choose("a-2")
        == "a-1"
    )


def test_errors_name_the_utterance() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, {"a-1": np.zeros(2)}, deterministic=False)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="x-1: not in utt2spk"):
        sampler.choose("x-1", rng)
    with pytest.raises(ValueError, match="b-1: speaker b has no vector"):
        sampler.choose("b-1", rng)
    with pytest.raises(ValueError, match="needs rng"):
        SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=False).choose("a-1")
