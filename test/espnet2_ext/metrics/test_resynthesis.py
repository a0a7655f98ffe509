"""Scores of a resynthesis against its original."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.metrics.spectrum import (
    mel_cepstral_distortion,
    score_resynthesis,
    score_resynthesis_files,
)


@pytest.fixture
def speech(make_pulses) -> np.ndarray:
    return make_pulses(150.0, 0.4)


def test_the_original_itself_loses_nothing(speech) -> None:
    longer = np.concatenate([speech, np.full(200, 0.3, np.float32)])
    score = score_resynthesis(longer, speech)
    assert (score.mcd_db, score.log_mel_error) == (0.0, 0.0)


def test_half_as_loud_is_ln_2_away_in_every_band(speech) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, len(speech)).astype(np.float32)
    score = score_resynthesis(0.5 * (speech + noise), speech + noise)
    assert score.log_mel_error == pytest.approx(np.log(2.0), rel=1e-4)
    assert score.mcd_db < 0.1  # c0 is not compared


def test_distortion_is_that_of_the_paper(speech, make_pulses) -> None:
    other = make_pulses(200.0, 0.5)
    expected = mel_cepstral_distortion(other[: len(speech)], speech, "paper", "dtw")
    assert score_resynthesis(other, speech).mcd_db == expected


def test_errors_name_the_file(tmp_path: Path, speech) -> None:
    soundfile.write(tmp_path / "made.wav", speech[:-1], 16000)
    soundfile.write(tmp_path / "true.wav", speech, 16000)
    pair = (str(tmp_path / "made.wav"), str(tmp_path / "true.wav"))
    with pytest.raises(ValueError, match=r"made\.wav: resynthesis of 6399 samples, original of"):
        score_resynthesis_files([pair])
    [score] = score_resynthesis_files([(pair[1], pair[1])])
    assert score.log_mel_error == 0.0
