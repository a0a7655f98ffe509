"""MCD against other programs and by hand, and everything else that is compared by frames."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.optimize import minimize

from espnet2_ext.metrics import spectrum as module
from espnet2_ext.metrics.spectrum import (
    TRACKS,
    CepstralTrack,
    Tracks,
    aligned_frames,
    analyse_mel_cepstra,
    compare_tracks,
    mel_cepstral_distortion,
    mel_cepstrum,
    paper_track,
    score_resynthesis,
    score_resynthesis_files,
    spectral_errors,
    sprocket_track,
    track_distortion_db,
)

MakePulses = Callable[..., np.ndarray]
NUM_BINS = 513


def test_finds_the_coefficients_a_spectrum_was_made_of() -> None:
    """Of ln |X| = sum of c[m] cos(m w'), by the formula of the all-pass and no recursion."""
    alpha = 0.41
    truth = np.array([[1.0, -0.5, 0.25, 0.0, 0.1], [-3.0, 0.2, 0.0, 0.7, -0.3]])
    unit = np.exp(-1j * np.linspace(0.0, np.pi, NUM_BINS))
    warped = -np.angle((unit - alpha) / (1.0 - alpha * unit))
    log_magnitude = truth @ np.cos(np.outer(np.arange(5), warped))
    found = mel_cepstrum(np.exp(2.0 * log_magnitude), 6, alpha)
    assert found[:, :5] == pytest.approx(truth, abs=1.0e-9)
    assert found[:, 5:] == pytest.approx(0.0, abs=1.0e-9)


def test_mel_cepstrum_agrees_with_pysptk() -> None:
    """The numbers are sp2mc(power, 4, 0.41) of pysptk 1.0.1."""
    bins = np.linspace(0.0, np.pi, NUM_BINS)
    power = 1.5 + np.cos(bins) + 0.4 * np.cos(3.0 * bins)
    expected = [0.264238331, 0.340392518, -0.12337771, 0.112619622, -0.124765544]
    assert mel_cepstrum(power[None], 4, 0.41)[0] == pytest.approx(expected, abs=1.0e-8)


def make_frames() -> np.ndarray:
    """Return two windowed frames of 64 samples: two tones, and noise by a formula."""
    samples = np.arange(64)
    tones = 1000.0 * np.sin(0.3 * samples) + 200.0 * np.cos(1.1 * samples)
    noise = 500.0 * np.sin(samples**2 + 1.0)
    return np.stack([tones, noise]) * np.hamming(64)


def objective(cepstrum: np.ndarray, frame: np.ndarray, alpha: float) -> float:
    """Return the criterion on the whole circle, by the formula of the all-pass."""
    unit = np.exp(-2j * np.pi * np.arange(64) / 64)
    allpass = (unit - alpha) / (1.0 - alpha * unit)
    log_power = 2.0 * np.real(np.polyval(cepstrum[::-1], allpass))
    periodogram = np.abs(np.fft.fft(frame)) ** 2 + 1.0e-6
    return float(np.mean(periodogram * np.exp(-log_power) + log_power))


def test_analysis_finds_the_minimum() -> None:
    frames = make_frames()
    for frame, found in zip(frames, analyse_mel_cepstra(frames, 4, 0.42), strict=True):
        best = minimize(objective, found, args=(frame, 0.42), method="BFGS")
        # It stops when the power of the residual changes by less than 0.1 %.
        assert objective(found, frame, 0.42) - best.fun < 1.0e-5
        worse = objective(found + 0.05, frame, 0.42)
        assert worse > objective(found, frame, 0.42) + 1.0e-3


def test_analysis_agrees_with_pysptk() -> None:
    """The numbers are mcep(frame, 4, 0.42, eps=1e-6, etype=1) of pysptk 1.0.1."""
    expected = [
        [7.090061802, 3.224339792, -1.597334033, 0.215065098, 0.233059573],
        [7.528255406, 0.140327805, -0.194706073, 0.042683836, 0.078931672],
    ]
    # They differ in the quefrencies beyond half a frame, which SPTK cuts off.
    found = analyse_mel_cepstra(make_frames(), 4, 0.42)
    assert found == pytest.approx(np.array(expected), abs=1.0e-6)
    # A frame that is done stops, while others go on.
    alone = np.vstack([analyse_mel_cepstra(frame[None], 4, 0.42) for frame in make_frames()])
    assert found == pytest.approx(alone, abs=1.0e-12)
    silence = analyse_mel_cepstra(np.zeros((1, 64)), 4, 0.42)[0]
    assert silence == pytest.approx([0.5 * np.log(1.0e-6), 0.0, 0.0, 0.0, 0.0], abs=1.0e-6)


def test_loudness_counts_for_espnet_only(make_pulses: MakePulses) -> None:
    # Pulses end at 3.5 kHz; above, WORLD's own noise would be all there is.
    wave = make_pulses(150.0, 0.3) + np.random.default_rng(0).normal(0.0, 1.0e-3, 4800)
    expected = 10.0 / np.log(10.0) * np.sqrt(2.0) * np.log(2.0)  # c0 differs by ln 2.
    assert mel_cepstral_distortion(wave, 2 * wave, "espnet") == pytest.approx(expected, rel=1e-3)
    for definition in ("paper", "sprocket"):
        assert mel_cepstral_distortion(wave, 2 * wave, definition) < 0.05


def test_pauses_are_no_speech(make_pulses: MakePulses) -> None:
    """A quarter as loud as the rest (-12 dB) is speech for all, a twentieth (-26 dB) is not."""
    parts = [make_pulses(150.0, 0.5, amplitude) for amplitude in (0.5, 0.5, 0.125, 0.025)]
    # The mean power is 2.6 dB under that of the loud half: -9.6 and -23.4 dB.
    for track in (paper_track(np.concatenate(parts)), sprocket_track(np.concatenate(parts))):
        assert track.is_speech[20:280].all()
        assert not track.is_speech[320:390].any()
    # -20 dB, of a mean that is 1.2 dB under the louder part: -18.8 dB.
    wave = np.concatenate([make_pulses(150.0, 0.9), make_pulses(150.0, 0.3, 0.05)])
    assert paper_track(wave).is_speech[200:230].all()
    assert not sprocket_track(wave).is_speech[200:230].any()


@pytest.mark.parametrize("definition", TRACKS)
def test_silence_and_very_short_sounds_have_a_track(definition: str) -> None:
    for wave in (np.zeros(8000), np.full(500, 0.1)):
        track = TRACKS[definition](wave)
        assert np.isfinite(track.cepstra).all()
        assert track.is_speech.any()
        assert track.f0_hz is None or (track.f0_hz == 0.0).all()
    with pytest.raises(ValueError, match="empty waveform"):
        TRACKS[definition](np.zeros(0))


def track_of(*frames: list[float], silent: tuple[int, ...] = ()) -> CepstralTrack:
    is_speech = np.array([frame not in silent for frame in range(len(frames))])
    return CepstralTrack(np.array(frames, dtype=np.float32), is_speech)


def test_distortion_is_the_equation_of_the_paper() -> None:
    """10 / ln 10 x sqrt(2 x (9 + 16)), and no distance in the second frame: half of it."""
    track, target = track_of([3.0, 4.0], [1.0, 1.0]), track_of([0.0, 0.0], [1.0, 1.0])
    one_frame_db = 10.0 / np.log(10.0) * np.sqrt(50.0)
    assert one_frame_db == pytest.approx(30.7093, abs=1.0e-4)
    path = np.array([[0, 0], [1, 1]])
    assert track_distortion_db(track, target, path) == pytest.approx(one_frame_db / 2.0)


def test_alignments() -> None:
    track = track_of([0.0], [9.0], [5.0], silent=(1,))
    target = track_of([7.0], [0.0], [0.0], [5.0], silent=(0,))
    # Warping repeats frames and leaves silence out.
    assert aligned_frames(track, target).tolist() == [[0, 1], [0, 2], [2, 3]]
    # Frame by frame silence stays.
    truncated = aligned_frames(track, track_of([0.0], [0.0]), "truncated")
    assert truncated.tolist() == [[0, 0], [1, 1]]
    # Of equal paths the shortest, then the one through the first.
    same = [track_of(*[[0.0]] * frames) for frames in (3, 3, 2)]
    assert aligned_frames(same[0], same[1]).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert aligned_frames(same[0], same[2]).tolist() == [[0, 0], [1, 0], [2, 1]]


def gliding_sound(num_samples: int, f0_hz: float, formant_hz: float) -> np.ndarray:
    """Return 16-bit harmonics under a moving formant, over noise without a generator."""
    time_s = np.arange(num_samples) / 16000
    phase = 2 * np.pi * (f0_hz * time_s + 20 * time_s * time_s)
    harmonics = [
        np.exp(-(((f0_hz * k - formant_hz - 800 * time_s) / 600) ** 2)) * np.cos(k * phase)
        for k in range(1, 30)
    ]
    voice = np.sum(harmonics, axis=0)
    noise = np.sin(np.arange(num_samples) ** 2 * 0.7)
    return np.round(32768 * (0.5 * voice / np.abs(voice).max() + 0.01 * noise)) / 32768


@pytest.mark.parametrize(
    ("definition", "alignment", "expected_db"),
    [
        ("paper", "dtw", 2.38731),
        ("paper", "truncated", 2.38371),
        ("espnet", "dtw", 1.52670),
        ("sprocket", "dtw", 2.59014),
    ],
)
def test_agrees_with_other_programs(definition: str, alignment: str, expected_db: float) -> None:
    """The arithmetic of ESPnet's script and of sprocket, with their libraries.

    pysptk 1.0.1 and pyworld 0.3.5 for the features, fastdtw 0.3.4 for the path, with a
    radius that makes it exact. With its own radius of 1, which both scripts take, ESPnet's
    number is the same and sprocket's 2.85713.
    """
    wave, target = gliding_sound(8000, 120.0, 600.0), gliding_sound(6400, 150.0, 700.0)
    found_db = mel_cepstral_distortion(wave, target, definition, alignment)
    assert found_db == pytest.approx(expected_db, abs=2.0e-4)


ONE_DB = np.log(10.0) / 10.0 / np.sqrt(2.0)
"""Difference of a coefficient that makes 1 dB."""


def tracks_of(paper: list[float], f0_hz: list[float], espnet: list[float]) -> Tracks:
    """Return tracks of one coefficient; frames at 9.0 are silent."""

    def track(values: list[float], f0: np.ndarray | None) -> CepstralTrack:
        column = np.array(values)
        return CepstralTrack(ONE_DB * column[:, None], column != 9.0, f0)

    return {"paper": track(paper, np.array(f0_hz)), "espnet": track(espnet, None)}


def test_spectral_errors_by_hand() -> None:
    tracks = tracks_of([0.0, 6.0], [100.0, 0.0], [1.0])
    target = tracks_of([9.0, 1.0, 1.0, 6.0], [0.0, 110.0, 120.0, 90.0], [4.0, 4.0])
    assert spectral_errors((tracks, target)) == pytest.approx(
        {
            # The path: 0-1, 0-2, 1-3; its distances are 1, 1 and 0 dB.
            "mcd_db": 2.0 / 3.0,
            "mcd_truncated_db": (9.0 + 5.0) / 2.0,
            "mcd_espnet_db": 3.0,
            # Frame by frame 100 and 0 stand against 0 and 110, then nothing against 120 and 90.
            "f0_rmse_paper_hz": np.sqrt((100**2 + 110**2) / 2.0),
            "f0_rmse_padded_hz": np.sqrt((100**2 + 110**2 + 120**2 + 90**2) / 4.0),
            "num_frames_paper": 2,
            "num_frames_padded": 4,
            "f0_rmse_dtw_hz": np.sqrt((10**2 + 20**2 + 90**2) / 3.0),
            "f0_rmse_voiced_hz": np.sqrt((10**2 + 20**2) / 2.0),
            "log_f0_rmse": np.sqrt(np.mean(np.log([1.1, 1.2]) ** 2)),
        }
    )


def test_processes_agree_and_keep_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    target = tracks_of([1.0], [100.0], [1.0])
    pairs = [(tracks_of([n + 1.0], [100.0 + n], [0.0]), target) for n in range(10, 20)]
    alone = compare_tracks(pairs)
    assert [errors["mcd_db"] for errors in alone] == pytest.approx(list(range(10, 20)))
    monkeypatch.setattr(module, "PAIRS_PER_PROCESS", 1)
    assert compare_tracks(pairs, num_workers=2) == alone


def test_resynthesis_scores(make_pulses: MakePulses) -> None:
    speech = make_pulses(150.0, 0.4)
    same = score_resynthesis(np.append(speech, np.full(200, 0.3, np.float32)), speech)
    assert (same.mcd_db, same.log_mel_error) == (0.0, 0.0)
    noisy = speech + np.random.default_rng(0).normal(0, 0.1, len(speech)).astype(np.float32)
    half = score_resynthesis(0.5 * noisy, noisy)
    assert half.log_mel_error == pytest.approx(np.log(2.0), rel=1e-4)
    assert half.mcd_db < 0.1  # c0 is not compared
    other = make_pulses(200.0, 0.5)
    expected = mel_cepstral_distortion(other[: len(speech)], speech, "paper", "dtw")
    assert score_resynthesis(other, speech).mcd_db == expected


def test_resynthesis_errors_name_the_file(tmp_path: Path, make_pulses: MakePulses) -> None:
    made, true = str(tmp_path / "made.wav"), str(tmp_path / "true.wav")
    soundfile.write(made, make_pulses(150.0, 0.4)[:-1], 16000)
    soundfile.write(true, make_pulses(150.0, 0.4), 16000)
    with pytest.raises(ValueError, match=r"made\.wav: copy synthesis of 6399 samples, original of"):
        score_resynthesis_files([(made, true)])
    [score] = score_resynthesis_files([(true, true)])
    assert score.log_mel_error == 0.0
