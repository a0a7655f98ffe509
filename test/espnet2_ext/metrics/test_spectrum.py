"""MCD by hand, and against other programs."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.metrics.spectrum import (
    TRACKS,
    CepstralTrack,
    aligned_frames,
    mel_cepstral_distortion,
    track_distortion_db,
)

MakePulses = Callable[..., np.ndarray]


def track_of(*frames: list[float], silent: tuple[int, ...] = ()) -> CepstralTrack:
    is_speech = np.array([frame not in silent for frame in range(len(frames))])
    return CepstralTrack(np.array(frames, dtype=np.float32), is_speech)


def test_is_the_equation_of_the_paper() -> None:
    """10 / ln 10 x sqrt(2 x (9 + 16)), and no distance in the second frame: half of it."""
    track, target = track_of([3.0, 4.0], [1.0, 1.0]), track_of([0.0, 0.0], [1.0, 1.0])
    path = np.array([[0, 0], [1, 1]])
    one_frame_db = 10.0 / np.log(10.0) * np.sqrt(50.0)
    assert one_frame_db == pytest.approx(30.7093, abs=1.0e-4)
    assert track_distortion_db(track, target, path) == pytest.approx(one_frame_db / 2.0)


def test_warping_repeats_frames_and_leaves_silence_out() -> None:
    track = track_of([0.0], [9.0], [5.0], silent=(1,))
    target = track_of([7.0], [0.0], [0.0], [5.0], silent=(0,))
    path = aligned_frames(track, target)
    assert path.tolist() == [[0, 1], [0, 2], [2, 3]]
    assert track_distortion_db(track, target, path) == 0.0


def test_truncated_goes_frame_by_frame_with_silence() -> None:
    track = track_of([0.0], [9.0], [5.0], silent=(1,))
    target = track_of([0.0], [0.0])
    path = aligned_frames(track, target, "truncated")
    assert path.tolist() == [[0, 0], [1, 1]]
    expected = 10.0 / np.log(10.0) * np.sqrt(2.0) * 9.0 / 2.0
    assert track_distortion_db(track, target, path) == pytest.approx(expected)


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


@pytest.mark.parametrize("definition", TRACKS)
def test_nothing_is_nearer_than_itself(definition: str, make_pulses: MakePulses) -> None:
    wave, other = make_pulses(150.0, 0.3), make_pulses(200.0, 0.4)
    assert mel_cepstral_distortion(wave, wave, definition) == pytest.approx(0.0, abs=1.0e-3)
    there = mel_cepstral_distortion(wave, other, definition)
    assert there > 0.5
    assert mel_cepstral_distortion(other, wave, definition) == pytest.approx(there, rel=0.02)


def test_loudness_counts_for_espnet_only(make_pulses: MakePulses) -> None:
    # Pulses end at 3.5 kHz; above, WORLD's own noise would be all there is.
    wave = make_pulses(150.0, 0.3) + np.random.default_rng(0).normal(0.0, 1.0e-3, 4800)
    expected = 10.0 / np.log(10.0) * np.sqrt(2.0) * np.log(2.0)  # c0 differs by ln 2.
    assert mel_cepstral_distortion(wave, 2 * wave, "espnet") == pytest.approx(expected, rel=1e-3)
    for definition in ("paper", "sprocket"):
        assert mel_cepstral_distortion(wave, 2 * wave, definition) < 0.05


def test_refuses_names_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="expected one of paper, espnet, sprocket"):
        mel_cepstral_distortion(np.ones(2000), np.ones(2000), "versa")
    with pytest.raises(ValueError, match="expected one of dtw, truncated"):
        mel_cepstral_distortion(np.ones(2000), np.ones(2000), alignment="linear")
