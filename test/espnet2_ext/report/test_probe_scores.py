"""What is held out for which probe, and what is said where it cannot be measured."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.report.probes import (
    CONTENT,
    EMOTION,
    PROSODY,
    SPEAKER,
    UNITS,
    UNTRAINED,
    ProbeSet,
    correlation_scores,
    probe_scores,
)
from espnet2_ext.report.probes import SPEAKER_VECTOR as SPEAKER_VECTOR

Make = Callable[..., ProbeSet]


def test_each_vector_says_what_it_knows(make_probe_set: Make) -> None:
    found = probe_scores(make_probe_set())
    assert list(found[0]) == [EMOTION, SPEAKER, CONTENT]
    knows = {EMOTION: PROSODY, SPEAKER: SPEAKER_VECTOR, CONTENT: UNITS}
    for probe, scores in found[0].items():
        assert list(scores) == [PROSODY, UNTRAINED, SPEAKER_VECTOR, UNITS]
        for kind, score in scores.items():
            if kind == knows[probe]:
                assert score.accuracy == 1.0
            else:
                assert score.accuracy < score.chance + 0.25, (probe, kind)
    assert found[1] == [
        "emotion probe: 2 classes, speakers and sentences held out, 20 folds",
        "speaker probe: 5 classes, sentences held out, 4 folds",
        "content probe: 4 classes, speakers held out, 5 folds",
    ]


def test_sentences_of_one_voice_need_no_second_grouping(make_probe_set: Make) -> None:
    sentences = np.arange(40).astype(str)
    found = probe_scores(make_probe_set(sentences=sentences))
    assert found[1] == [
        "emotion probe: 2 classes, speakers held out, 5 folds",
        "speaker probe: 5 classes, sentences held out, 5 folds",
        "content probe not measurable (no sentence is said by two speakers)",
    ]


def test_content_is_probed_on_shared_sentences_alone(make_probe_set: Make) -> None:
    sentences = make_probe_set().sentences.copy()
    sentences[:8] = [f"of a {number}" for number in range(8)]
    score = probe_scores(make_probe_set(sentences=sentences))[0][CONTENT][UNITS]
    assert (score.n, score.classes) == (32, 4)


def test_what_the_labels_do_not_allow_is_said(
    make_probe_set: Make, caplog: pytest.LogCaptureFixture
) -> None:
    found = probe_scores(make_probe_set(emotions=None, speakers=np.array(["a"] * 40)))
    assert found[0] == {}
    assert found[1] == [
        "emotion probe not measurable (no utt2emo)",
        "speaker probe not measurable (a probe needs at least two classes, got 1)",
        "content probe not measurable (no sentence is said by two speakers)",
    ]
    assert "parallel: emotion probe not measurable: no utt2emo" in caplog.text


def test_labels_that_training_lacks_are_said(make_probe_set: Make) -> None:
    speakers = make_probe_set().speakers.copy()
    speakers[0] = "once"
    notes = probe_scores(make_probe_set(speakers=speakers))[1]
    assert notes[1].endswith(", 1 utterances left out whose label training lacks")


def test_correlations(make_probe_set: Make) -> None:
    found = correlation_scores(make_probe_set())
    assert found[1] == ["speakers and sentences held out"]
    assert found[0]["F0 mean"][PROSODY].pearson_r > 0.95
    assert abs(found[0]["F0 mean"][UNITS].pearson_r) < 0.3
    assert found[0]["level"][PROSODY].n == 40


def test_utterances_without_pitch_are_left_out_and_said(make_probe_set: Make) -> None:
    pitch = make_probe_set().targets["F0 mean"].copy()
    pitch[:3] = np.nan
    found = correlation_scores(make_probe_set(targets={"F0 mean": pitch}))
    assert found[0]["F0 mean"][PROSODY].n == 37
    assert found[1][1] == "F0 mean: 3 utterances without a voiced frame left out"


def test_correlations_that_cannot_be_measured_are_said(make_probe_set: Make) -> None:
    silent = {"F0 mean": np.full(40, np.nan), "level": np.ones(40)}
    found = correlation_scores(make_probe_set(targets=silent))
    assert found[0] == {}
    assert found[1][1:] == [
        "F0 mean: 40 utterances without a voiced frame left out",
        "F0 mean not measurable (a correlation needs a target that varies)",
        "level not measurable (a correlation needs a target that varies)",
    ]


def test_vectors_that_are_not_finite_are_an_error(make_probe_set: Make) -> None:
    vectors = {PROSODY: np.full((40, 2), np.nan)}
    with pytest.raises(ValueError, match="not finite"):
        probe_scores(make_probe_set(vectors=vectors))
