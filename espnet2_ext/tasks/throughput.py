"""How fast training goes, in ESPnet's own log, event files and plots.

Counting costs no step a wait for the GPU: lengths are read before the batch goes there,
and processes add their counts up only where a line is logged.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import humanfriendly
import torch
from espnet2.train.reporter import SubReporter, to_reported_value

FrameCounter = Callable[..., torch.Tensor]
"""Takes a batch as keywords, returns (B,) the mel frames of its utterances."""


class Pace:
    """Iterations and seconds of training in this process, validation included."""

    def __init__(self) -> None:
        self.iterations = 0
        self._start = time.perf_counter()

    def seconds_for(self, iterations: int) -> float:
        """Return how long so many more would take; NaN before the first is done."""
        if self.iterations == 0:
            return float("nan")
        return (time.perf_counter() - self._start) / self.iterations * iterations


class ThroughputReporter(SubReporter):
    """ESPnet's statistics of an epoch, with these besides, as means over time:

    - ``mel_frames_per_s``: frames of the data, over all processes, without padding and
      before any stretching in time.
    - ``times_real_time``: seconds of speech a second.
    - ``fill``: those frames over the frames of the padded batches.
    - ``loader_share``: of the time, spent waiting for the next batch.

    They are known for stretches of iterations only, each from one logged line to the
    next, and stand at the last iteration of each; ``write_rates`` ends a stretch.

    Args:
        reporter: statistics of the epoch, which go on in this one.
        count_frames: see there.
        frame_s: seconds from frame to frame.
        pace: of the whole process.
        iterations_per_epoch: for the time left; None where unknown.
        max_epoch: epochs of the whole training.
        sum_processes: add a tensor up, in place, over all processes; None for one process.
        device: where that tensor has to be.
    """

    def __init__(
        self,
        reporter: SubReporter,
        *,
        count_frames: FrameCounter,
        frame_s: float,
        pace: Pace,
        iterations_per_epoch: int | None,
        max_epoch: int,
        sum_processes: Callable[[torch.Tensor], object] | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(reporter.key, reporter.epoch, reporter.total_count)
        self.stats = reporter.stats
        self.count_frames = count_frames
        self.frame_s = frame_s
        self.pace = pace
        self.iterations_per_epoch = iterations_per_epoch
        self.max_epoch = max_epoch
        self.sum_processes = sum_processes
        self.device = device
        self._begin_stretch()

    def measure_iter_time(
        self, iterable: Iterable[tuple[list[str], dict[str, torch.Tensor]]], name: str
    ) -> Iterator[tuple[list[str], dict[str, torch.Tensor]]]:
        """Yield the batches, counted."""
        for utterance_ids, batch in super().measure_iter_time(iterable, name):
            frames = self.count_frames(**batch)
            self._valid_frames += int(frames.sum())
            self._padded_frames += len(frames) * int(frames.max())
            self._waited_s += self.stats[name][-1].value
            self.pace.iterations += 1
            yield utterance_ids, batch

    def log_message(self, start: int | None = None, end: int | None = None) -> str:  # type: ignore[override]
        """Return ESPnet's line, the rates since the last one, and the time left."""
        self.write_rates()
        message = super().log_message(start, end)
        left_s = self.left_s()
        if message and left_s == left_s:
            message += f", time_left={humanfriendly.format_timespan(round(left_s))}"
        return message

    def write_rates(self) -> None:
        """Put the rates of the stretch among the statistics and begin the next one.

        Where there are several processes all must call this.
        """
        elapsed_s = time.perf_counter() - self._start
        sums = [self._valid_frames, self._padded_frames, self._waited_s, elapsed_s, 1.0]
        self._begin_stretch()
        if self.sum_processes is not None:
            tensor = torch.tensor(sums, dtype=torch.float64, device=self.device)
            self.sum_processes(tensor)
            sums = tensor.tolist()
        valid_frames, padded_frames, waited_s, total_s, processes = sums
        if not padded_frames:
            return
        rate = valid_frames / (total_s / processes)
        self._write("mel_frames_per_s", rate, total_s)
        self._write("times_real_time", rate * self.frame_s, total_s)
        self._write("fill", valid_frames / padded_frames, padded_frames)
        self._write("loader_share", waited_s / total_s, total_s)

    def left_s(self) -> float:
        """Return the seconds to the last epoch at this process's pace; NaN where unknown."""
        if self.iterations_per_epoch is None:
            return float("nan")
        done = (self.epoch - 1) * self.iterations_per_epoch + self.count
        # The length of an epoch may be an estimate: see SplitBatches.
        return self.pace.seconds_for(max(self.max_epoch * self.iterations_per_epoch - done, 0))

    def _begin_stretch(self) -> None:
        self._valid_frames = 0
        self._padded_frames = 0
        self._waited_s = 0.0
        self._start = time.perf_counter()

    def _write(self, name: str, value: float, weight: float) -> None:
        """Give the last iteration a weighted value; the others of the stretch stay empty."""
        values = self.stats[name]
        empty = to_reported_value(float("nan"), 0)
        values.extend(empty for _ in range(self.count - len(values)))
        values[-1] = to_reported_value(value, weight)


def length_or_none(iterable: Iterable[object] | Mapping[object, object]) -> int | None:
    """Return ``len``, or None for what has none."""
    try:
        return len(iterable)  # type: ignore[arg-type]
    except TypeError:
        return None
