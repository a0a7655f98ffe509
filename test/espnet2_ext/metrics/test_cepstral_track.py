"""What each definition of MCD takes of an utterance."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from espnet2_ext.metrics.pitch import f0_contour
from espnet2_ext.metrics.spectrum import (
    TRACKS,
    CepstralTrack,
    espnet_track,
    paper_track,
    sprocket_track,
)

MakePulses = Callable[..., np.ndarray]


def test_paper_has_24_coefficients_and_f0_every_5_ms(make_pulses: MakePulses) -> None:
    track = paper_track(make_pulses(150.0, 0.5))
    assert track.cepstra.shape == (101, 24)
    assert track.f0_hz is not None
    assert np.median(track.f0_hz) == pytest.approx(150.0, rel=0.01)
    assert len(track.is_speech) == len(track.f0_hz) == 101


def test_a_contour_that_is_known_gives_the_same(make_pulses: MakePulses) -> None:
    wave = make_pulses(150.0, 0.3)
    assert paper_track(wave, f0_contour(wave.astype(np.float64), "dio")) == paper_track(wave)


def test_pauses_are_no_speech(make_pulses: MakePulses) -> None:
    """A quarter as loud as the rest (-12 dB) is speech for all, a twentieth (-26 dB) is not."""
    parts = [make_pulses(150.0, 0.5, amplitude) for amplitude in (0.5, 0.5, 0.125, 0.025)]
    wave = np.concatenate(parts)
    # The mean power is 2.6 dB under that of the loud half: -9.6 and -23.4 dB.
    for track in (paper_track(wave), sprocket_track(wave)):
        assert track.is_speech[20:280].all()
        assert not track.is_speech[320:390].any()
        assert len(track.is_speech) == 401


def test_sprocket_draws_the_line_higher(make_pulses: MakePulses) -> None:
    """-20 dB, of a mean that is 1.2 dB under the louder part: -18.8 dB."""
    wave = np.concatenate([make_pulses(150.0, 0.9), make_pulses(150.0, 0.3, 0.05)])
    assert paper_track(wave).is_speech[200:230].all()
    assert not sprocket_track(wave).is_speech[200:230].any()


def test_sprocket_has_differences_beside_the_coefficients(make_pulses: MakePulses) -> None:
    wave = np.concatenate([make_pulses(150.0, 0.2), make_pulses(190.0, 0.2)])
    cepstra = sprocket_track(wave).cepstra
    assert cepstra.shape == (81, 48)
    static, delta = cepstra[:, :24], cepstra[:, 24:]
    assert delta[1:] == pytest.approx(static[1:] - static[:-1], abs=1.0e-5)
    assert delta[0] == pytest.approx(static[1] - static[0], abs=1.0e-5)


def test_espnet_has_c0_and_whole_windows_only(make_pulses: MakePulses) -> None:
    wave = make_pulses(150.0, 0.5)
    track = espnet_track(wave)
    assert track.cepstra.shape == ((8000 - 1024) // 256 + 1, 24)
    assert track.is_speech.all() and track.f0_hz is None
    louder = espnet_track(2.0 * wave).cepstra - track.cepstra
    assert louder[:, 0] == pytest.approx(np.log(2.0), abs=1.0e-4)
    assert louder[:, 1:] == pytest.approx(0.0, abs=1.0e-4)


@pytest.mark.parametrize("definition", TRACKS)
@pytest.mark.parametrize("wave", [np.zeros(8000), np.full(500, 0.1)])
def test_silence_and_very_short_sounds_have_a_track(definition: str, wave: np.ndarray) -> None:
    track = TRACKS[definition](wave)
    assert np.isfinite(track.cepstra).all()
    assert track.is_speech.any()
    assert track.f0_hz is None or (track.f0_hz == 0.0).all()


@pytest.mark.parametrize("definition", TRACKS)
def test_refuses_an_empty_waveform(definition: str) -> None:
    with pytest.raises(ValueError, match="empty waveform"):
        TRACKS[definition](np.zeros(0))


def test_tracks_are_equal_when_all_their_frames_are() -> None:
    track = CepstralTrack(np.zeros((2, 3)), np.ones(2, dtype=bool), np.zeros(2))
    assert track == replace(track, cepstra=np.zeros((2, 3)))
    assert track != replace(track, cepstra=np.ones((2, 3)))
    assert track != replace(track, is_speech=np.array([True, False]))
    assert track != replace(track, f0_hz=None)
    assert track != "track"
