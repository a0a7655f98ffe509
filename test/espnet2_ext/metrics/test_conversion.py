"""Scores of the two conversions in miniature, by hand arithmetic."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.audio import read_audio
from espnet2_ext.metrics.conversion import PairScore, read_scores, score_conversions
from espnet2_ext.metrics.spectrum import mel_cepstral_distortion
from espnet2_ext.vocoder.griffin_lim import GriffinLim
from espnet2_ext.vocoder.mel import log_mel

F0_TOLERANCE = 0.5
"""Percent, of Praat on pulses."""


def score(files, **options) -> dict[tuple[str, str], PairScore]:
    scores = score_conversions(
        files.inference_dir, files.data_dir, files.pairs_dir, "any", unit_tag="tiny", **options
    )
    return {(score.row, score.pair_id): score for score in scores}


def test_converted_against_target_and_source(conversion_files, fake_units: None) -> None:
    scores = score(conversion_files)
    angry, sad = scores["converted", "a"], scores["converted", "b"]
    assert angry.f0_error_percent == pytest.approx(10.0, abs=F0_TOLERANCE)  # 180 for 200 Hz.
    assert sad.f0_error_percent == pytest.approx(0.0, abs=F0_TOLERANCE)
    assert angry.duration_error_percent == pytest.approx(25.0)  # 0.3 for 0.4 s.
    assert sad.duration_error_percent == pytest.approx(20.0)  # 0.9 for 0.75 s.
    assert angry.unit_error_rate == 0.5  # 1 2 for 1 2 3 4.
    assert sad.unit_error_rate == 1.0  # 1 2 for 5 6 7 8 9.
    assert (angry.forward_share, angry.consumed_share, angry.stopped) == (1.0, 1.0, 1.0)
    assert (sad.forward_share, sad.stopped, sad.looped) == (0.9, 0.0, 1.0)
    assert angry.level_error_db == pytest.approx(abs(angry.level_db - angry.target_level_db))


def test_frames_are_compared_with_the_targets(conversion_files, fake_units: None) -> None:
    scores = score(conversion_files)

    def wave(folder: Path, name: str) -> np.ndarray:
        return read_audio(folder / "wav" / f"{name}.wav")

    target = wave(conversion_files.data_dir, "spk-t1")
    for row, other in {
        "converted": wave(conversion_files.inference_dir, "a"),
        "zero effort": wave(conversion_files.data_dir, "spk-s1"),
        "resynthesis": GriffinLim()(log_mel(target)),
    }.items():
        found = scores[row, "a"]
        assert found.mcd_db == pytest.approx(mel_cepstral_distortion(other, target))
        truncated = mel_cepstral_distortion(other, target, alignment="truncated")
        assert found.mcd_truncated_db == pytest.approx(truncated)
        espnet = mel_cepstral_distortion(other, target, "espnet")
        assert found.mcd_espnet_db == pytest.approx(espnet)
    # 180 for 200 Hz wherever both are voiced.
    assert scores["converted", "a"].f0_rmse_voiced_hz == pytest.approx(20.0, abs=2.0)
    assert scores["converted", "a"].log_f0_rmse == pytest.approx(np.log(200 / 180), abs=0.01)
    assert scores["wrong sentence", "a"].mcd_db is None
    # 0.3 and 0.4 s, a frame every 5 ms from 0 on.
    assert scores["converted", "a"].num_frames_paper == 61
    assert scores["converted", "a"].num_frames_padded == 81


def test_spread_of_f0_is_compared(conversion_files, fake_units: None) -> None:
    row = score(conversion_files)["zero effort", "b"]
    assert row.f0_std_error_hz == pytest.approx(abs(row.f0_std_hz - row.target_f0_std_hz))


def test_zero_effort_is_the_source_against_the_target(conversion_files, fake_units: None) -> None:
    scores = score(conversion_files)
    angry, sad = scores["zero effort", "a"], scores["zero effort", "b"]
    assert angry.f0_error_percent == pytest.approx(25.0, abs=F0_TOLERANCE)  # 150 for 200 Hz.
    assert sad.f0_error_percent == pytest.approx(50.0, abs=F0_TOLERANCE)  # 150 for 100 Hz.
    assert angry.duration_error_percent == pytest.approx(25.0)  # 0.5 for 0.4 s.
    assert sad.duration_error_percent == pytest.approx(20.0)  # 0.6 for 0.75 s.
    assert angry.unit_error_rate == sad.unit_error_rate == 0.0
    assert angry.stopped is None


def test_content_rows(conversion_files, fake_units: None) -> None:
    scores = score(conversion_files)
    assert scores["true target", "a"].unit_error_rate == 0.25  # 1 2 3 for 1 2 3 4.
    assert scores["true target", "b"].unit_error_rate == 0.0
    assert scores["wrong sentence", "a"].unit_error_rate == 1.25  # 5 6 7 8 9 for 1 2 3 4.
    assert scores["wrong sentence", "b"].unit_error_rate == 1.0
    assert scores["wrong sentence", "a"].f0_error_percent is None


def test_resynthesis_goes_through_the_vocoder(conversion_files, fake_units: None) -> None:
    row = score(conversion_files)["resynthesis", "a"]
    assert row.duration_s == 26 * 256 / 16000  # 0.4 s are 26 frames.
    assert row.f0_error_percent == pytest.approx(0.0, abs=1.0)
    assert row.unit_error_rate == 0.5  # 0.5 s become 32 frames: the fake encoder says 1 2.


def test_scores_are_kept_row_by_row(conversion_files, fake_units: None) -> None:
    score(conversion_files, row_name="other voice")
    scores = read_scores(conversion_files.inference_dir / "scores.tsv")
    rows = ["zero effort", "other voice", "resynthesis", "true target", "wrong sentence"]
    assert [(s.row, s.pair_id) for s in scores] == [(row, pair) for row in rows for pair in "ab"]


def test_conversions_alone(conversion_files, fake_units: None) -> None:
    scores = score(conversion_files, with_reference_rows=False)
    assert set(scores) == {("converted", "a"), ("converted", "b")}


def test_without_wrong_sentences_that_row_is_not_there(conversion_files, fake_units: None) -> None:
    (conversion_files.pairs_dir / "wrong_sentence").unlink()
    assert "wrong sentence" not in {row for row, _ in score(conversion_files)}


def test_a_conversion_without_voice_is_wrong_and_not_left_out(
    conversion_files, fake_units: None
) -> None:
    soundfile.write(conversion_files.inference_dir / "wav/a.wav", np.zeros(8000), 16000)
    row = score(conversion_files)["converted", "a"]
    assert row.f0_hz is None
    assert row.f0_error_percent == 100.0
    assert row.f0_rmse_dtw_hz == pytest.approx(200.0, rel=0.1)  # Most are voiced, at 200 Hz.
    assert row.f0_rmse_paper_hz == pytest.approx(200.0, rel=0.1)
    assert row.f0_rmse_voiced_hz == pytest.approx(200.0, rel=0.05)
    assert row.log_f0_rmse == pytest.approx(np.log(500 / 60))
    assert row.f0_std_error_hz == row.target_f0_std_hz
    assert row.level_db == -100.0


def test_refuses_a_target_without_voice(conversion_files, fake_units: None) -> None:
    soundfile.write(conversion_files.data_dir / "wav/spk-t1.wav", np.zeros(8000), 16000)
    with pytest.raises(ValueError, match="spk-t1.wav: nothing is voiced in the target of a"):
        score(conversion_files)


def test_refuses_the_name_of_another_row(conversion_files) -> None:
    with pytest.raises(ValueError, match="row_name 'zero effort' is taken"):
        score(conversion_files, row_name="zero effort")
