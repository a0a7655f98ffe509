"""What scoring knows of conversions, measures of an utterance, and scores by hand arithmetic."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.metrics import conversion as module
from espnet2_ext.metrics.conversion import (
    ConversionPair,
    MeasureJob,
    PairScore,
    crossing,
    measure,
    measure_files,
    read_conversion_set,
    read_scores,
    score_conversions,
    write_scores,
)
from espnet2_ext.metrics.spectrum import espnet_track, mel_cepstral_distortion, paper_track
from espnet2_ext.units.centroids import Centroids, UnitEncoderPipeline
from espnet2_ext.units.features import MfccFeatures
from espnet2_ext.vocoder.griffin_lim import GriffinLim
from espnet2_ext.vocoder.mel import log_mel

F0_TOLERANCE = 0.5
"""Percent, of a tracker on pulses."""


def read(files) -> list[ConversionPair]:
    return read_conversion_set(files.inference_dir, files.data_dir, files.pairs_dir, "tiny")


def test_gathers_everything_of_a_pair(conversion_files) -> None:
    first, pair = read(conversion_files)
    assert (first.pair_id, pair.pair_id) == ("a", "b")
    assert (pair.condition, pair.source, pair.target) == ("neutral-sad", "spk-s2", "spk-t2")
    assert pair.wrong_units == first.source_units == [1, 2, 3, 4]
    assert pair.converted_wav.endswith("inference/wav/b.wav")
    expected = {"forward_share": 0.9, "consumed_share": 0.75, "stopped": 0.0, "looped": 1.0}
    assert pair.attention == expected
    assert first.target_wav.endswith("spk-t1.wav")


@pytest.mark.parametrize(
    ("folder", "name", "key"),
    [
        ("pairs_dir", "targets", "a"),
        ("inference_dir", "wav.scp", "b"),
        ("pairs_dir", "wrong_sentence", "spk-s1"),
        ("data_dir", "units_tiny", "spk-t2"),
        ("data_dir", "wav.scp", "spk-s2"),
    ],
)
def test_names_what_is_lacking(conversion_files, folder: str, name: str, key: str) -> None:
    path = getattr(conversion_files, folder) / name
    write_table(path, {k: v for k, v in read_table(path).items() if k != key})
    with pytest.raises(ValueError, match=rf"{name}: lacks 1 .*for example {key};"):
        read(conversion_files)


@pytest.mark.parametrize(
    ("folder", "name", "lines", "message"),
    [
        # A conversion that is not on the list, and another list.
        ("inference_dir", "wav.scp", {"c": "c.wav"}, "pairs: lacks 1 .*wav.scp, for example c"),
        ("pairs_dir", "pairs", {"a": "spk-s2 spk-t2 spk-s2"}, "made from spk-s1, .* says spk-s2"),
    ],
)
def test_refuses_conversions_of_another_list(
    conversion_files, folder: str, name: str, lines: dict[str, str], message: str
) -> None:
    path = getattr(conversion_files, folder) / name
    write_table(path, read_table(path) | lines)
    with pytest.raises(ValueError, match=message):
        read(conversion_files)


@pytest.mark.parametrize("text", ["pair_id\tsource\na\tspk-s1\n", None])
def test_refuses_a_generation_table_without_its_columns(conversion_files, text) -> None:
    path = conversion_files.inference_dir / "generation.tsv"
    path.write_text(text or path.read_text().replace("\t0\nb", "\nb"))
    with pytest.raises(ValueError, match="generation.tsv: lacks"):
        read(conversion_files)


class Encoder:
    """Says the same units of anything."""

    def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.array([3, 1]), np.array([1, 1])


@pytest.mark.parametrize("f0_method", ["dio", "praat"])
def test_measures_pulses(f0_method: str, make_pulses: Callable[..., np.ndarray]) -> None:
    wave = make_pulses(200.0, 0.5)
    measures = measure(wave, Encoder(), f0_method)
    assert measures.f0_mean_hz == pytest.approx(200.0, rel=0.01)
    assert (measures.duration_s, measures.units) == (0.5, (3, 1))
    # Tracks do not depend on the method of the mean.
    for name, track in {"paper": paper_track(wave), "espnet": espnet_track(wave)}.items():
        found = vars(measures.tracks[name]).values()
        assert all(map(np.array_equal, found, vars(track).values()))


def test_what_is_too_short_says_nothing() -> None:
    measures = measure(np.full(799, 0.1), Encoder())
    assert (measures.units, measures.f0_mean_hz) == ((), None)
    with pytest.raises(ValueError, match="empty"):
        measure(np.zeros(0), Encoder())


def test_a_file_given_twice_is_measured_once(
    make_wav: Callable[..., Path], fake_units: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav = str(make_wav("a.wav"))
    read = []
    monkeypatch.setattr(module, "read_audio", lambda path: read.append(path) or read_audio(path))
    job, again = MeasureJob(wav), MeasureJob(wav, resynthesised=True)
    measures = measure_files([job, again, job], centroids_path="any")
    assert read == [wav, wav]
    assert set(measures) == {job, again}
    assert measures[job].duration_s == 0.3
    # 4800 samples are 19 frames, of which the vocoder makes 256 samples each.
    assert measures[again].duration_s == 19 * 256 / 16000


def test_units_are_those_of_the_pipeline_and_processes_agree(
    make_wav: Callable[..., Path], tmp_path: Path
) -> None:
    features, path = MfccFeatures(), tmp_path / "centroids.npz"
    centers = np.random.default_rng(0).normal(size=(8, features.dim)).astype(np.float32)
    Centroids(centers, "mfcc", 320, 0, float("nan")).save(path)
    jobs = [MeasureJob(str(make_wav(f"{seed}.wav", seed=seed))) for seed in range(2)]
    alone = measure_files(jobs, centroids_path=path)
    together = measure_files(jobs, centroids_path=path, num_workers=2)
    pipeline = UnitEncoderPipeline.from_file(path)
    for job in jobs:
        units, _ = pipeline.encode(read_audio(job.wav))
        assert alone[job].units == together[job].units == tuple(units)
        assert alone[job].level_db == together[job].level_db
        tracks = (found[job].tracks["paper"].cepstra for found in (alone, together))
        assert np.array_equal(*tracks)
    with pytest.raises(FileNotFoundError, match="none.npz: no such centroids"):
        measure_files(jobs[:1], centroids_path="none.npz")


def test_names_the_file_that_cannot_be_measured(
    make_wav: Callable[..., Path], fake_units: None
) -> None:
    short = str(make_wav("short.wav", duration_s=0.02))
    with pytest.raises(ValueError, match="short.wav: a mel needs"):
        measure_files([MeasureJob(short, resynthesised=True)], centroids_path="any")


SCORES = [
    PairScore(
        "converted", "a", "neutral-sad", "s", "t", "him", "so it is", f0_hz=150.5, stopped=1.0
    ),
    PairScore("mismatched text", "a", "neutral-sad", "s", "t", unit_error_rate=0.125),
]


def test_scores_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    write_scores(path, SCORES)
    assert read_scores(path) == SCORES
    assert read_scores(path)[1].f0_hz is None, "an empty field, not zero"
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("converted\ta\tneutral-sad\ts\tt\thim\tso it is\t150.5\t\t")
    path.write_text(path.read_text() + "converted\tb\n")
    with pytest.raises(ValueError, match="scores.tsv:4: 2 fields"):
        read_scores(path)


def test_which_scores_share_speaker_and_sentence() -> None:
    known = crossing(SCORES[:1] * 2)
    assert (known.rows, known.columns) == (["him"] * 2, ["so it is"] * 2)
    other = replace(SCORES[1], source="t")
    assert crossing([SCORES[1], other]).text() == "2 sources"
    of_one = [replace(score, speaker="him") for score in (SCORES[1], other)]
    assert crossing(of_one).text() == "1 speaker (not drawn) and 2 sources"


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
    # 180 for 200 Hz wherever both are voiced; 0.3 and 0.4 s, a frame every 5 ms from 0 on.
    assert angry.f0_rmse_voiced_hz == pytest.approx(20.0, abs=2.0)
    assert angry.log_f0_rmse == pytest.approx(np.log(200 / 180), abs=0.01)
    assert (angry.num_frames_paper, angry.num_frames_padded) == (61, 81)


def test_frames_are_compared_with_the_targets(conversion_files, fake_units: None) -> None:
    scores = score(conversion_files)
    data, converted = conversion_files.data_dir / "wav", conversion_files.inference_dir / "wav"
    target = read_audio(data / "spk-t1.wav")
    for row, other in {
        "converted": read_audio(converted / "a.wav"),
        "source (unconverted)": read_audio(data / "spk-s1.wav"),
        "copy synthesis": GriffinLim()(log_mel(target)),
    }.items():
        assert scores[row, "a"].mcd_db == pytest.approx(mel_cepstral_distortion(other, target))
        espnet = mel_cepstral_distortion(other, target, "espnet")
        assert scores[row, "a"].mcd_espnet_db == pytest.approx(espnet)


def test_reference_rows(conversion_files, fake_units: None) -> None:
    scores = score(conversion_files)
    angry, sad = scores["source (unconverted)", "a"], scores["source (unconverted)", "b"]
    assert angry.f0_error_percent == pytest.approx(25.0, abs=F0_TOLERANCE)  # 150 for 200 Hz.
    assert sad.f0_error_percent == pytest.approx(50.0, abs=F0_TOLERANCE)  # 150 for 100 Hz.
    assert sad.f0_std_error_hz == pytest.approx(abs(sad.f0_std_hz - sad.target_f0_std_hz))
    assert angry.duration_error_percent == pytest.approx(25.0)  # 0.5 for 0.4 s.
    assert sad.duration_error_percent == pytest.approx(20.0)  # 0.6 for 0.75 s.
    assert angry.unit_error_rate == sad.unit_error_rate == 0.0
    assert angry.stopped is None
    assert scores["ground-truth target", "a"].unit_error_rate == 0.25  # 1 2 3 for 1 2 3 4.
    assert scores["ground-truth target", "b"].unit_error_rate == 0.0
    assert scores["mismatched text", "a"].unit_error_rate == 1.25  # 5 6 7 8 9 for 1 2 3 4.
    assert scores["mismatched text", "b"].unit_error_rate == 1.0
    assert scores["mismatched text", "a"].f0_error_percent is None
    assert scores["mismatched text", "a"].mcd_db is None
    copied = scores["copy synthesis", "a"]
    assert copied.duration_s == 26 * 256 / 16000  # 0.4 s are 26 frames.
    assert copied.f0_error_percent == pytest.approx(0.0, abs=1.0)
    assert copied.unit_error_rate == 0.5  # 0.5 s become 32 frames: the fake says 1 2.


def test_scores_are_kept_row_by_row(conversion_files, fake_units: None) -> None:
    score(conversion_files, row_name="other voice")
    scores = read_scores(conversion_files.inference_dir / "scores.tsv")
    rows = ["source (unconverted)", "other voice", "copy synthesis"]
    rows += ["ground-truth target", "mismatched text"]
    assert [(s.row, s.pair_id) for s in scores] == [(row, pair) for row in rows for pair in "ab"]
    with pytest.raises(ValueError, match="row_name 'source .unconverted.' is taken"):
        score(conversion_files, row_name="source (unconverted)")


def test_rows_may_be_absent(conversion_files, fake_units: None) -> None:
    alone = score(conversion_files, with_reference_rows=False)
    assert set(alone) == {("converted", "a"), ("converted", "b")}
    (conversion_files.pairs_dir / "wrong_sentence").unlink()
    assert read(conversion_files)[0].wrong_units is None
    assert "mismatched text" not in {row for row, _ in score(conversion_files)}


def test_a_conversion_without_voice_is_wrong_and_not_left_out(
    conversion_files, fake_units: None
) -> None:
    soundfile.write(conversion_files.inference_dir / "wav/a.wav", np.zeros(8000), 16000)
    row = score(conversion_files)["converted", "a"]
    assert (row.f0_hz, row.f0_error_percent, row.level_db) == (None, 100.0, -100.0)
    assert row.f0_rmse_paper_hz == pytest.approx(200.0, rel=0.1)  # Most are voiced, at 200 Hz.
    assert row.f0_rmse_voiced_hz == pytest.approx(200.0, rel=0.05)
    assert row.log_f0_rmse == pytest.approx(np.log(500 / 60))
    assert row.f0_std_error_hz == row.target_f0_std_hz
    soundfile.write(conversion_files.data_dir / "wav/spk-t1.wav", np.zeros(8000), 16000)
    with pytest.raises(ValueError, match="spk-t1.wav: nothing is voiced in the target of a"):
        score(conversion_files)
