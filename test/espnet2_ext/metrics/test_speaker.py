"""Equal error rates, probes and cosines by hand."""

import numpy as np
import pytest

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics import speaker as evaluate
from espnet2_ext.metrics.speaker import (
    equal_error_rate,
    probe_accuracy,
    score_data_directory,
    score_speaker_vectors,
    speaker_similarity,
)


@pytest.mark.parametrize(
    ("targets", "others", "expected"),
    [
        ([0.9, 0.8], [0.2, 0.1], 0.0),
        # Accepting two targets and one of four others: misses 1/3, false alarms 1/4; the
        # third other on top gives 1/3 and 1/2: they meet at 1/3.
        ([0.9, 0.7, 0.1], [0.8, 0.6, 0.2, 0.15], 1 / 3),
        # One threshold between: (miss, false alarm) from (1, 0) straight to (0, 1).
        ([0.5, 0.5], [0.5], 0.5),
        # From (1/2, 0) to (0, 1/2) in one step, as 0.5 stands for one of each.
        ([0.9, 0.5], [0.5, 0.1], 0.25),
    ],
)
def test_equal_error_rate_by_hand(
    targets: list[float], others: list[float], expected: float
) -> None:
    scores = np.array(targets + others)
    is_target = np.array([True] * len(targets) + [False] * len(others))
    assert equal_error_rate(scores, is_target) == pytest.approx(expected)
    shuffle = np.random.default_rng(0).permutation(len(scores))
    assert equal_error_rate(scores[shuffle], is_target[shuffle]) == pytest.approx(expected)


def test_equal_error_rate_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="pairs of one speaker and pairs of two"):
        equal_error_rate(np.array([0.1, 0.2]), np.array([True, True]))


def test_probe_reads_what_is_there_and_holds_speakers_out() -> None:
    rng = np.random.default_rng(0)
    speakers = [f"s{index % 4}" for index in range(80)]
    labels = ["x" if index // 4 % 2 else "y" for index in range(80)]
    noise = rng.normal(size=(80, 3))
    told = noise + 10 * np.array([[label == "x"] for label in labels])
    assert probe_accuracy(told, labels, speakers) == 1.0
    # A label that is the speaker cannot be read from speakers held out.
    one_hot = 10.0 * np.eye(4)[[index % 4 for index in range(80)]]
    assert probe_accuracy(one_hot, [f"is-{speaker}" for speaker in speakers], speakers) == 0.0
    with pytest.raises(ValueError, match="two speakers and two labels"):
        probe_accuracy(noise, labels, ["s"] * 80)


UTT2SPK = {"a-1": "a", "a-2": "a", "b-1": "b", "b-2": "b"}
UTT2EMO = {"a-1": "sad", "a-2": "happy", "b-1": "sad", "b-2": "happy"}
VECTORS = {
    "a-1": np.array([2.0, 0.0, 0.0]),
    "a-2": np.array([0.6, 0.8, 0.0]),
    "b-1": np.array([0.0, 0.0, 1.0]),
    "b-2": np.array([0.0, 3.0, 4.0]),
}


def test_scores_by_hand() -> None:
    text = {utterance: f"words {number}" for number, utterance in enumerate(UTT2SPK)}
    scores = score_speaker_vectors(VECTORS, {**UTT2SPK, "b-3": "b"}, UTT2EMO, text)
    assert (scores.utterances, scores.listed, scores.speakers, scores.trials) == (4, 5, 2, 6)
    # One voice: a 0.6, b 0.8; other voices: a1b1 0, a1b2 0, a2b1 0, a2b2 0.48.
    assert scores.equal_error_rate == 0.0
    assert scores.other_voice == pytest.approx(0.48 / 4)
    # Across emotions: a1a2 0.6, b1b2 0.8 against a1b2 0, a2b1 0.
    assert (scores.cross_emotion_trials, scores.cross_emotion_equal_error_rate) == (4, 0.0)
    assert scores.same_voice_other_emotion == pytest.approx(0.7)
    assert scores.same_voice_same_emotion is None
    assert scores.emotion_chance == 0.5
    # Pairs of the same words are left out across emotions.
    same_words = score_speaker_vectors(VECTORS, UTT2SPK, UTT2EMO, {**text, "a-2": "words 0"})
    assert (same_words.trials, same_words.cross_emotion_trials) == (6, 3)
    plain = score_speaker_vectors(VECTORS, UTT2SPK)
    assert (plain.emotion_accuracy, plain.emotion_chance) == (None, None)


def test_large_sets_are_thinned_by_a_seeded_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "MAX_UTTERANCES", 3)
    scores = [score_speaker_vectors(VECTORS, UTT2SPK, seed=1) for _ in range(2)]
    assert scores[0] == scores[1] and scores[0].trials == 3


def test_errors(tmp_path) -> None:
    with pytest.raises(ValueError, match="2 of 4 utterances have a speaker vector"):
        score_speaker_vectors({"a-1": np.ones(2), "b-1": np.ones(2)}, UTT2SPK)
    with pytest.raises(ValueError, match="b-2: has a speaker but no emotion"):
        score_speaker_vectors(VECTORS, UTT2SPK, {k: UTT2EMO[k] for k in ("a-1", "a-2", "b-1")})
    with pytest.raises(ValueError, match="has no spk_embed.scp; run extract"):
        score_data_directory(tmp_path)
    write_ark_scp(tmp_path / "spk_embed.scp", VECTORS)
    write_table(tmp_path / "utt2spk", UTT2SPK)
    assert score_data_directory(tmp_path).equal_error_rate == 0.0


def test_cosine_by_hand() -> None:
    assert speaker_similarity(np.array([3.0, 4.0]), np.array([4.0, 3.0])) == pytest.approx(0.96)
    assert speaker_similarity(np.array([1.0, 0.0]), np.array([-2.0, 0.0])) == -1.0
    for other in (np.zeros(2), np.array([np.nan, 1.0])):
        with pytest.raises(ValueError, match="finite and not zero"):
            speaker_similarity(np.ones(2), other)
