"""One pair of utterances, frame by frame."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.metrics import spectral_errors as module
from espnet2_ext.metrics.cepstral_track import CepstralTrack, espnet_track, paper_track
from espnet2_ext.metrics.mel_cepstral_distortion import mel_cepstral_distortion
from espnet2_ext.metrics.spectral_errors import Tracks, compare_tracks, spectral_errors

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
    assert errors.f0_rmse_hz == pytest.approx(np.sqrt((10**2 + 20**2 + 90**2) / 3.0))
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


def test_processes_agree_and_keep_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    target = tracks_of([1.0], [100.0], [1.0])
    pairs = [(tracks_of([n + 1.0], [100.0 + n], [0.0]), target) for n in range(10, 20)]
    alone = compare_tracks(pairs)
    assert [errors.mcd_db for errors in alone] == pytest.approx(list(range(10, 20)))
    monkeypatch.setattr(module, "PAIRS_PER_PROCESS", 1)
    assert compare_tracks(pairs, num_workers=2) == alone
