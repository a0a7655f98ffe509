"""How much faster than speech something is done, said every now and then."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

REPORT_EVERY_S = 15.0
"""Often enough to see a slow disk or device, seldom enough for the log of a long run."""


class RealTimeLog:
    """Adds up seconds of speech and logs their ratio to the seconds passed.

    Args:
        description: stands before each line.
        clock: returns seconds; another one for tests.
    """

    def __init__(self, description: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self.description = description
        self.audio_s = 0.0
        self._clock = clock
        self._start_s = self._reported_s = clock()

    def add(self, audio_s: float) -> None:
        """Count seconds of speech; logs if the last line is 15 s old."""
        self.audio_s += audio_s
        now_s = self._clock()
        if now_s - self._reported_s >= REPORT_EVERY_S:
            self._reported_s = now_s
            logger.info("%s: %.0f s of speech, %s", self.description, self.audio_s, self)

    def __str__(self) -> str:
        """Return ``312 x real time``, one digit after the point below 10."""
        ratio = self.audio_s / max(self._clock() - self._start_s, 1e-9)
        return f"{ratio:.{0 if ratio >= 10 else 1}f} x real time"
