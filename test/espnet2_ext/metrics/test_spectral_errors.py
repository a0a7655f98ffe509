"""One pair of utterances, frame by frame."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.metrics import spectrum as module
from espnet2_ext.metrics.spectrum import (
    CepstralTrack,
    SpectralErrors,
    Tracks,
    compare_tracks,
    espnet_track,
    mel_cepstral_distortion,
    paper_track,
    spectral_errors,
)

ONE_DB = np.log(10.0) / 10.0 / np.sqrt(2.0)
"""Difference of a coefficient that makes 1 dB."""


def tracks_of(paper: list[float], f0_hz: list[float], espnet: list[float]) -> Tracks:
    """Return tracks of one coefficient; frames at 9.0 are silent."""

    def track(values: list[float], f0: np.ndarray | None) -> CepstralTrack:
        column = np.array(values)
        return CepstralTrack(ONE_DB * column[:, None], column != 9.0, f0)

    return {"paper": track(paper, np.array(f0_hz)), "espnet": track(espnet, None)}


def test_all_figures_by_hand() -> None:
    tracks = tracks_of([0.0, 6.0], [100.0, 0.0], [1.0])
    target = tracks_of([9.0, 1.0, 1.0, 6.0], [0.0, 110.0, 120.0, 90.0], [4.0, 4.0])
    errors = spectral_errors(tracks, target)
    # The path: 0-1, 0-2, 1-3; its distances are 1, 1 and 0 dB.
    assert errors.mcd_db == pytest.approx(2.0 / 3.0)
    assert errors.mcd_truncated_db == pytest.approx((9.0 + 5.0) / 2.0)
    assert errors.mcd_espnet_db == pytest.approx(3.0)
    # Frame by frame 100 and 0 stand against 0 and 110, then nothing against 120 and 90.
    assert errors.f0_rmse_paper_hz == pytest.approx(np.sqrt((100**2 + 110**2) / 2.0))
    assert errors.f0_rmse_padded_hz == pytest.approx(
        np.sqrt((100**2 + 110**2 + 120**2 + 90**2) / 4.0)
    )
    assert (errors.num_frames_paper, errors.num_frames_padded) == (2, 4)
    assert errors.f0_rmse_dtw_hz == pytest.approx(np.sqrt((10**2 + 20**2 + 90**2) / 3.0))
    assert errors.f0_rmse_voiced_hz == pytest.approx(np.sqrt((10**2 + 20**2) / 2.0))
    logs = np.log([1.1, 1.2])
    assert errors.log_f0_rmse == pytest.approx(np.sqrt(np.mean(logs**2)))


def test_of_waveforms_it_is_the_distortion(make_pulses: Callable[..., np.ndarray]) -> None:
    waves = make_pulses(150.0, 0.3), make_pulses(200.0, 0.4)
    tracks = [{"paper": paper_track(wave), "espnet": espnet_track(wave)} for wave in waves]
    errors = spectral_errors(*tracks)
    assert errors.mcd_db == mel_cepstral_distortion(*waves)
    assert errors.mcd_truncated_db == mel_cepstral_distortion(*waves, alignment="truncated")
    assert errors.mcd_espnet_db == mel_cepstral_distortion(*waves, "espnet")


@pytest.fixture
def half_voiced(make_pulses: Callable[..., np.ndarray]) -> Callable[[float], np.ndarray]:
    """Return a factory: pulses of 150 Hz for 0.4 s, then silence of so many seconds."""

    def make(silence_s: float, f0_hz: float = 150.0) -> np.ndarray:
        silence = np.zeros(int(16000 * silence_s), dtype=np.float32)
        return np.concatenate([make_pulses(f0_hz, 0.4), silence])

    return make


def errors_of(*waves: np.ndarray) -> SpectralErrors:
    tracks = [{"paper": paper_track(wave), "espnet": espnet_track(wave)} for wave in waves]
    return spectral_errors(*tracks)


def test_the_papers_f0_error_counts_the_frames_that_warping_leaves_out(half_voiced) -> None:
    """Silence that both have is correct, and counts: the mean square goes with its length."""
    short = errors_of(half_voiced(0.1), half_voiced(0.1, 200.0))
    long = errors_of(half_voiced(0.4), half_voiced(0.4, 200.0))
    assert (short.num_frames_paper, long.num_frames_paper) == (101, 161)
    share = np.sqrt(101.0 / 161.0)
    assert long.f0_rmse_paper_hz == pytest.approx(share * short.f0_rmse_paper_hz, rel=0.01)
    # Along the path of MCD there is no silence.
    assert long.f0_rmse_dtw_hz == pytest.approx(short.f0_rmse_dtw_hz, rel=0.01)


def test_the_papers_f0_error_is_not_aligned(half_voiced) -> None:
    """The same sound later is a large error frame by frame, and none after warping."""
    early = half_voiced(0.4)
    late = np.concatenate([early[6400:], early[:6400]])
    errors = errors_of(early, late)
    assert errors.num_frames_paper == errors.num_frames_padded == 161
    # 150 Hz against 0 in all frames but a few around the edge.
    assert errors.f0_rmse_paper_hz == pytest.approx(150.0, rel=0.1)
    assert errors.f0_rmse_dtw_hz < 40.0
    assert errors.f0_rmse_voiced_hz < 5.0


def test_padding_compares_the_rest_with_silence(half_voiced) -> None:
    errors = errors_of(half_voiced(0.0), half_voiced(0.4))
    assert (errors.num_frames_paper, errors.num_frames_padded) == (81, 161)
    # The rest is silent in both: as many errors over more frames.
    share = np.sqrt(81.0 / 161.0)
    assert errors.f0_rmse_padded_hz == pytest.approx(share * errors.f0_rmse_paper_hz)


def test_processes_agree_and_keep_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    target = tracks_of([1.0], [100.0], [1.0])
    pairs = [(tracks_of([n + 1.0], [100.0 + n], [0.0]), target) for n in range(10, 20)]
    alone = compare_tracks(pairs)
    assert [errors.mcd_db for errors in alone] == pytest.approx(list(range(10, 20)))
    monkeypatch.setattr(module, "PAIRS_PER_PROCESS", 1)
    assert compare_tracks(pairs, num_workers=2) == alone
