"""Splitting at pauses: nothing lost, nothing repeated, cuts where it is quiet."""

from itertools import pairwise

import numpy as np
import pytest

from espnet2_ext.conversion.recordings import (
    Segment,
    frame_powers,
    join_converted,
    quiet_frames,
    split_at_pauses,
)


def speech(*parts: float) -> np.ndarray:
    """Return noise and, for negative numbers of seconds, silence."""
    generator = np.random.default_rng(0)
    return np.concatenate(
        [generator.normal(0, 0.1 * (part > 0), round(16000 * abs(part))) for part in parts]
    ).astype(np.float32)


def assert_whole(segments: list[Segment], num_samples: int) -> None:
    """Check that the segments lie side by side and are all."""
    assert segments[0].start == 0
    assert segments[-1].stop == num_samples
    assert all(left.stop == right.start for left, right in pairwise(segments))
    assert all(segment.num_samples > 0 for segment in segments)


def test_short_speech_with_short_pauses_stays_whole() -> None:
    waveform = speech(1.0, -0.5, 1.5)
    assert split_at_pauses(waveform, 10.0) == [Segment(0, 48000, False)]


def test_long_pauses_are_taken_out_but_for_margins() -> None:
    # 0.5 s speech, 1.2 s pause, 0.5 s speech, 2 s pause to the end.
    segments = split_at_pauses(speech(0.5, -1.2, 0.5, -2.0), 10.0)
    assert segments == [
        Segment(0, 8000 + 1600, False),
        Segment(9600, 27200 - 1600, True),
        Segment(25600, 35200 + 1600, False),
        Segment(36800, 67200, True),
    ]


def test_long_speech_is_cut_in_the_pause_of_the_second_half() -> None:
    # At most 4 s: cuts may lie at 2 to 4 s; the pause at 1 s is too early, that at 3 s fits.
    segments = split_at_pauses(speech(1.0, -0.4, 1.6, -0.4, 2.0), 4.0)
    assert segments == [
        Segment(0, 48000 + 1600, False),
        Segment(49600, 54400 - 1600, True),
        Segment(52800, 86400, False),
    ]


def test_of_two_weak_places_the_weaker_is_taken() -> None:
    waveform = speech(6.0)
    waveform[16000 * 5 // 2 :][:4000] *= 0.5
    waveform[16000 * 7 // 2 :][:4000] *= 0.3
    [first, second] = split_at_pauses(waveform, 4.0)
    assert 56000 <= first.stop <= 60000
    assert second == Segment(first.stop, 96000, False)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_or_repeated_and_no_piece_is_too_long(seed: int) -> None:
    generator = np.random.default_rng(seed)
    parts = generator.exponential(1.2, 30) * generator.choice([1, 1, -1], 30)
    waveform = speech(0.3, *np.clip(parts, -3, 12))[: 16000 * 40]
    segments = split_at_pauses(waveform, 3.0)
    assert_whole(segments, len(waveform))
    for segment in segments:
        if segment.is_pause:
            # Clear of speech: neither side cuts into it.
            assert not waveform[segment.start : segment.stop].any()
        else:
            assert 1024 < segment.num_samples <= 3.0 * 16000
    joined = join_converted(segments, lambda each: waveform[each.start : each.stop])
    np.testing.assert_array_equal(joined, waveform)


def test_pauses_keep_their_length_when_speech_changes_its_own() -> None:
    segments = [Segment(0, 4, False), Segment(4, 7, True), Segment(7, 9, False)]
    joined = join_converted(segments, lambda each: np.full(each.num_samples // 2, each.start + 1.0))
    assert joined.tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 8.0]
    assert joined.dtype == np.float32


def test_powers_are_those_of_a_plain_loop() -> None:
    waveform = np.random.default_rng(1).normal(0, 1, 1000)
    expected = [np.mean(waveform[start : start + 320] ** 2) for start in range(0, 1000, 160)]
    np.testing.assert_allclose(frame_powers(waveform), expected, rtol=1e-9)


def test_frames_are_quiet_40_db_down_or_below_minus_70() -> None:
    decibels = np.array([-20.0, -59.0, -61.0, -90.0])
    assert quiet_frames(10 ** (decibels / 10)).tolist() == [False, False, True, True]
    assert quiet_frames(np.array([1e-8, 0.0])).all()


def test_refuses_silence_and_a_limit_without_room_for_phrases() -> None:
    with pytest.raises(ValueError, match="no sound above -70 dB in 32000 samples"):
        split_at_pauses(np.zeros(32000), 10.0)
    for limit in (2.0, -1.0, 61.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"max_segment_s {limit:g}: must lie in 3 to 60"):
            split_at_pauses(speech(1.0), limit)
