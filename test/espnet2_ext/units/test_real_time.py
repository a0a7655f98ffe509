"""Ratios of speech to time, by a clock that is set by hand."""

import logging

from espnet2_ext.units.extract import RealTimeLog


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def test_ratio_of_all_speech_to_all_time():
    clock = Clock()
    log = RealTimeLog("units", clock)
    clock.now_s += 4
    log.add(20)
    assert str(log) == "5.0 x real time"
    log.add(380)
    assert str(log) == "100 x real time"


def test_a_line_every_fifteen_seconds(caplog):
    clock = Clock()
    log = RealTimeLog("units", clock)
    with caplog.at_level(logging.INFO):
        for _ in range(40):
            clock.now_s += 1
            log.add(20)
    assert caplog.messages == [
        "units: 300 s of speech, 20 x real time",
        "units: 600 s of speech, 20 x real time",
    ]


def test_no_time_has_passed():
    assert str(RealTimeLog("units", Clock())) == "0.0 x real time"
