import logging
from collections import Counter

import numpy as np
import pytest

from espnet2_ext.speaker.sampling import SpeakerVectorSampler

UTT2SPK = [
    ("a-1", "a"),
    ("a-2", "a"),
    ("a-3", "a"),
    ("b-1", "b"),
    ("sp0.9-a-1", "sp0.9-a"),
    ("sp0.9-a-2", "sp0.9-a"),
]
VECTORS = {utterance: np.full(2, number) for number, (utterance, _) in enumerate(UTT2SPK)}


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


def test_deterministic_goes_round_in_sorted_order() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=True)
    chosen = {utterance: sampler.choose(utterance) for utterance in ("a-1", "a-2", "a-3")}
    assert chosen == {"a-1": "a-2", "a-2": "a-3", "a-3": "a-1"}


def test_speakers_need_not_stand_together() -> None:
    """Against a plain search: names that tell nothing of the speaker, some without a vector."""
    rng = np.random.default_rng(0)
    utt2spk = [(f"u{number:02d}", f"s{rng.integers(5)}") for number in range(40)]
    vectors = {utterance: np.zeros(1) for utterance, _ in utt2spk if rng.random() < 0.7}
    vectors |= {"v": np.zeros(1)}  # of no utterance of the set
    sampler = SpeakerVectorSampler(utt2spk, vectors, deterministic=True)
    for utterance, speaker in utt2spk:
        members = [name for name, of in utt2spk if of == speaker and name in vectors]
        later = [name for name in members if name > utterance]
        expected = (later or members)[0] if utterance in vectors else members[0]
        assert sampler.choose(utterance) == expected, utterance
        random = SpeakerVectorSampler(utt2spk, vectors, deterministic=False)
        drawn = {random.choose(utterance, rng) for _ in range(80)}
        assert drawn == set(members) - {utterance}, utterance


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
    with pytest.raises(ValueError, match="utt2spk: a-1 stands after a-2; sort it"):
        SpeakerVectorSampler([("a-2", "a"), ("a-1", "a")], VECTORS, deterministic=False)
    with pytest.raises(ValueError, match="needs rng"):
        SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=False).choose("a-1")
