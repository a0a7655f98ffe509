"""Emotion accuracy and speaker cosine in the table of conversions."""

import numpy as np
import pytest

from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics.models import Heard
from espnet2_ext.report import judges as hearing
from espnet2_ext.report.conversion import report_scores
from espnet2_ext.report.records import Record, read_records
from espnet2_ext.ser import recogniser as recogniser_files


@pytest.fixture
def judge(conversion_files, fake_units: None, monkeypatch: pytest.MonkeyPatch):
    """Return a function that scores with models that hear the length of a sound."""
    # s1 0.5 s, s2 0.6 s; targets 0.4 s and 0.75 s; converted 0.3 s and 0.9 s.
    files = conversion_files
    write_table(files.data_dir / "utt2emo", {"spk-t1": "angry", "spk-t2": "sad"})
    write_table(files.data_dir / "utt2spk", {"spk-t1": "spk", "spk-t2": "spk"})

    def hear(waveform, *, emotion_model, speaker_encoder, **others):
        angry = 0.9 if len(waveform) < 0.55 * 16000 else 0.2
        emotions = {"angry": angry, "sad": 1 - angry} if emotion_model else None
        vector = np.array([1.0, len(waveform) / 16000]) if speaker_encoder else None
        return Heard(emotions, vector)

    class Files:
        def __init__(self, voices):
            self.voices = lambda: voices

    monkeypatch.setattr(hearing, "hear", hear)
    found = [Files({"x", "y"}), Files({"y", "z"})]
    monkeypatch.setattr(recogniser_files, "find_recognisers", lambda path: found)

    def score(**options) -> dict[tuple[str, str], Record]:
        results = files.data_dir.parent / "results.jsonl"
        directories = (files.inference_dir, files.data_dir, files.pairs_dir, "any", results)
        report_scores(*directories, unit_tag="tiny", table="T", protocol="P", **options)
        records = read_records(results)
        return {(r.row, r.metric): r for r in records if r.table == "T"}

    return score


def test_every_row_has_its_emotion_and_its_voice(judge) -> None:
    found = judge(emotion_model="exp/ser", speaker_encoder="exp/encoder")
    accuracy = {row: r.value for (row, metric), r in found.items() if metric == "emotion accuracy"}
    assert accuracy["converted"] == 1.0  # 0.3 s is angry, 0.9 s sad.
    assert accuracy["zero effort"] == 1.0  # 0.5 s and 0.6 s.
    assert accuracy["true target"] == accuracy["resynthesis"] == 1.0
    assert "wrong sentence" not in accuracy
    probability = found["converted", "emotion probability"]
    assert (probability.value, probability.unit) == (pytest.approx((0.9 + 0.8) / 2), "share")
    cosines = [
        (1 + a * b) / np.sqrt((1 + a * a) * (1 + b * b)) for a, b in ((0.3, 0.4), (0.9, 0.75))
    ]
    cosine = found["converted", "speaker cosine"]
    assert cosine.value == pytest.approx(np.mean(cosines), abs=1e-6)
    assert ("true target", "speaker cosine") not in found
    assert all(record.definition for record in found.values())


def test_the_protocol_names_the_judges_and_whom_they_know(judge) -> None:
    protocol = judge(emotion_model="exp/ser", speaker_encoder="hub/name")[
        "converted", "emotion accuracy"
    ].protocol
    assert "emotion by 2 recognisers exp/ser, trained on 3 voices, none of the 1 they" in protocol
    assert "speaker cosine by hub/name" in protocol


def test_what_is_not_asked_is_no_column(judge) -> None:
    metrics = {metric for _, metric in judge(speaker_encoder="e")}
    assert "speaker cosine" in metrics and "emotion accuracy" not in metrics
    found = judge(emotion_model="m", row_name="other")
    assert ("other", "emotion accuracy") in found and ("other", "speaker cosine") not in found
