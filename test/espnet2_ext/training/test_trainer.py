"""Throughput of synthetic batches under a clock that the test sets, and the figure of attention."""

import time

import numpy as np
import pytest
import torch
from espnet2.train.reporter import Reporter

from espnet2_ext.training.attention_figure import attention_figure
from espnet2_ext.training.trainer import Pace, ThroughputReporter

FRAMES = {"a": [10, 6], "b": [8, 8], "c": [5, 1]}
"""Mel frames of the utterances of three batches: 16 of 20, 16 of 16, 6 of 10."""
WAIT_S, STEP_S, FRAME_S = 1.0, 3.0, 0.5


@pytest.fixture
def clock(monkeypatch):
    """A list of one number, the seconds that every clock shows."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def train(clock):
    """Return a function that does an epoch as ESPnet's trainer would; a line every 2 steps."""

    def run(reporter, **options):
        settings = {"frame_s": FRAME_S, "pace": Pace(), "iterations_per_epoch": 3, "max_epoch": 2}
        messages = []
        with reporter.observe("train") as sub_reporter:
            measured = ThroughputReporter(
                sub_reporter, count_frames=lambda lengths: lengths, **{**settings, **options}
            )
            for step, _ in enumerate(measured.measure_iter_time(batches(clock), "iter_time"), 1):
                measured.register({"loss": 1.0}, 2)
                clock[0] += STEP_S
                measured.next()
                if step % 2 == 0:
                    messages.append(measured.log_message(-2))
            measured.write_rates()
            sub_reporter.total_count = measured.total_count
        return messages

    return run


def batches(clock):
    """Yield the batches as a loader would that takes a second for each."""
    for lengths in FRAMES.values():
        clock[0] += WAIT_S
        yield ["1", "2"], {"lengths": torch.tensor(lengths)}


def test_line_tells_the_rates_since_the_last(train):
    [message] = train(Reporter(epoch=1))
    assert "1epoch:train:1-2batch: " in message
    assert "mel_frames_per_s=4.000, times_real_time=2.000" in message, "32 frames in 8 s"
    assert "fill=0.889, loader_share=0.250" in message, "32 of 36; 2 s of 8"
    assert message.endswith("time_left=16 seconds"), "4 iterations of 4 s"


def test_epoch_is_the_mean_over_its_time_and_its_frames(train):
    reporter = Reporter(epoch=1)
    train(reporter)
    values = {name: reporter.get_value("train", name) for name in reporter.get_keys2("train")}
    assert values["mel_frames_per_s"] == pytest.approx(38 / 12)
    assert values["times_real_time"] == pytest.approx(19 / 12)
    assert values["fill"] == pytest.approx(38 / 46)
    assert values["loader_share"] == pytest.approx(0.25)
    assert values["loss"] == 1.0
    assert reporter.get_value("train", "total_count") == 3
    for name in ("mel_frames_per_s", "times_real_time", "fill", "loader_share"):
        assert type(values[name]) is float, "checkpoints take nothing else"


def test_frames_of_all_processes_count(train):
    """Another process that had twice the frames in the same time."""

    def add_other(tensor):
        tensor += tensor * torch.tensor([2.0, 2.0, 1.0, 1.0, 1.0])

    [message] = train(Reporter(epoch=1), sum_processes=add_other)
    assert "mel_frames_per_s=12.000" in message
    assert "fill=0.889, loader_share=0.250" in message


def test_time_left_is_at_the_pace_of_this_process(train, clock):
    pace = Pace()
    reporter = Reporter()
    reporter.set_epoch(2)
    [message] = train(reporter, pace=pace, max_epoch=3)
    assert message.endswith("time_left=16 seconds"), "epoch 1 was another process's"
    reporter.set_epoch(3)
    clock[0] += 12  # validation
    [message] = train(reporter, pace=pace, max_epoch=3)
    # 32 s for 5 iterations, one to come.
    assert message.endswith("time_left=6 seconds")


def test_time_left_of_an_epoch_that_is_longer_than_thought_or_unknown(train):
    [message] = train(Reporter(epoch=1), iterations_per_epoch=1, max_epoch=1)
    assert message.endswith("time_left=0 seconds")
    [message] = train(Reporter(epoch=1), iterations_per_epoch=None)
    assert "time_left" not in message and "fill=" in message


def test_units_go_upwards_and_steps_to_the_right() -> None:
    weights = np.random.default_rng(0).random((7, 4))
    axes = attention_figure(weights, "title", true_units=np.arange(7) // 2).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), weights.T)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0, 0, 1, 1, 2, 2, 3])
