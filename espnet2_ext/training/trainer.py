"""ESPnet's trainers: safe to kill at any moment, with throughput in the log, with our attention.

Counting throughput costs no step a wait for the GPU: lengths are read before the batch goes
there, and processes add their counts up only where a line is logged.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import length_hint
from pathlib import Path
from typing import ClassVar

import humanfriendly
import numpy as np
import torch
from espnet2.torch_utils.device_funcs import to_device
from espnet2.train.gan_trainer import GANTrainer
from espnet2.train.reporter import SubReporter, to_reported_value
from espnet2.train.trainer import Trainer

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.training.attention_figure import attention_figure

FrameCounter = Callable[..., torch.Tensor]
"""Takes a batch as keywords, returns (B,) the mel frames of its utterances."""


# Methods of these trainers name the arguments they use and pass the rest on: "type: ignore".
class SafeTrainer(Trainer):
    """Trainer whose checkpoints are never half written, and that resumes as if never killed.

    ``criteria``: (phase, key, mode) whose best epochs have links.
    """

    criteria: ClassVar[Sequence[Sequence[str]]] = ()

    @classmethod
    def run(cls, *arguments, **options) -> None:
        """Train as ESPnet does; a kill at any moment leaves a checkpoint to resume from."""
        cls.criteria = options["trainer_options"].best_model_criterion
        with _atomic_torch_save():
            super().run(*arguments, **options)

    @classmethod
    def resume(cls, checkpoint, model, reporter, *arguments, **options) -> None:
        """Load the checkpoint, and redo what a kill right after it has left undone.

        ESPnet writes checkpoint.pth, then ``<n>epoch.pth``, then the links to the best epochs.
        """
        super().resume(checkpoint, model, reporter, *arguments, **options)
        output_dir, epoch = Path(checkpoint).parent, reporter.get_epoch()
        weights = output_dir / f"{epoch}epoch.pth"
        if not weights.exists():
            logging.info(f"{weights} was missing: written again from the checkpoint")
            torch.save(model.state_dict(), weights)
        links = {"latest.pth": weights.name}
        for phase, key, mode in cls.criteria:
            if reporter.has(phase, key):
                best = reporter.get_best_epoch(phase, key, mode)
                links[f"{phase}.{key}.best.pth"] = f"{best}epoch.pth"
        for link, target in links.items():
            (output_dir / link).unlink(missing_ok=True)
            (output_dir / link).symlink_to(target)


class SafeGANTrainer(SafeTrainer, GANTrainer):
    """SafeTrainer for two optimizers, which take turns as in GANTrainer."""


@contextmanager
def _atomic_torch_save() -> Iterator[None]:
    """Let torch.save to a path write beside and rename within the block, as ESPnet calls it."""
    save = torch.save

    def save_beside(obj, path, *arguments, **options):
        if not isinstance(path, str | Path):
            return save(obj, path, *arguments, **options)
        # To a stream: a path's name would stand in the archive, and the temporary one
        # differs from run to run.
        with atomic_open(path, "wb") as stream:
            save(obj, stream, *arguments, **options)

    torch.save = save_beside  # type: ignore[assignment]  # looser than its annotation
    try:
        yield
    finally:
        torch.save = save


class Pace:
    """Iterations of training in this process since its start, validation included."""

    def __init__(self) -> None:
        self.iterations = 0
        self.start = time.perf_counter()


class ThroughputReporter(SubReporter):
    """ESPnet's statistics of an epoch, with throughput as means over time:

    - ``mel_frames_per_s``: frames of the data, over all processes, without padding and before time
      stretching.
    - ``times_real_time``: seconds of speech a second.
    - ``fill``: those frames over the frames of the padded batches.
    - ``loader_share``: of the time, spent waiting for the next batch.

    They are measured from one logged line to the next and stand at the last iteration between.
    ``sum_processes`` adds a tensor on ``device`` up, in place, over all processes.
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
        self._begin()

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

    def log_message(self, start: int | None = None, end: int | None = None) -> str:
        """Return ESPnet's line, the rates since the last one, and the time left at this pace."""
        self.write_rates()
        message = super().log_message(start, end)
        if message and self.iterations_per_epoch and self.pace.iterations:
            done = (self.epoch - 1) * self.iterations_per_epoch + self.count
            # The length of an epoch may be an estimate: see SplitBatches.
            left = max(self.max_epoch * self.iterations_per_epoch - done, 0)
            left_s = (time.perf_counter() - self.pace.start) / self.pace.iterations * left
            message += f", time_left={humanfriendly.format_timespan(round(left_s))}"
        return message

    def write_rates(self) -> None:
        """Add the rates to the statistics and begin anew; all processes must call this."""
        elapsed_s = time.perf_counter() - self._start
        sums = [self._valid_frames, self._padded_frames, self._waited_s, elapsed_s, 1.0]
        self._begin()
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

    def _begin(self) -> None:
        self._valid_frames = 0
        self._padded_frames = 0
        self._waited_s = 0.0
        self._start = time.perf_counter()

    def _write(self, name: str, value: float, weight: float) -> None:
        """Give the last iteration a weighted value; the others since the last stay empty."""
        values = self.stats[name]
        empty = to_reported_value(float("nan"), 0)
        values.extend(empty for _ in range(self.count - len(values)))
        values[-1] = to_reported_value(value, weight)


class Prosody2VecTrainer(SafeTrainer):
    """SafeTrainer with throughput and attention in its log."""

    pace = Pace()

    @classmethod
    def run(cls, *arguments, **options) -> None:
        """Train with a pace of this run."""
        cls.pace = Pace()
        super().run(*arguments, **options)

    @classmethod
    def train_one_epoch(
        cls, model, iterator, reporter, options, distributed_option, **others
    ) -> bool:
        """Train as ESPnet does; the statistics get the rates of ThroughputReporter."""
        plain_model = getattr(model, "module", model)
        measured = ThroughputReporter(
            reporter,
            count_frames=plain_model.mel_frames,
            frame_s=plain_model.frame_s,
            pace=cls.pace,
            iterations_per_epoch=length_hint(iterator) or None,
            max_epoch=options.max_epoch,
            sum_processes=torch.distributed.all_reduce if distributed_option.distributed else None,
            device="cuda" if options.ngpu > 0 else "cpu",
        )
        all_steps_are_invalid = super().train_one_epoch(
            model=model,
            iterator=iterator,
            reporter=measured,
            options=options,
            distributed_option=distributed_option,
            **others,
        )
        measured.write_rates()
        reporter.total_count, reporter.count = measured.total_count, measured.count
        return all_steps_are_invalid

    @classmethod
    @torch.no_grad()
    def plot_attention(cls, model, output_dir, summary_writer, iterator, reporter, options) -> None:
        """Draw soft attention of a few utterances and the true path; ESPnet draws only its own."""
        model.eval()
        for utterance_ids, batch in iterator:
            batch = to_device(batch, "cuda" if options.ngpu > 0 else "cpu")
            for name, weights, path in zip(
                utterance_ids, *model.attention_maps(**batch), strict=True
            ):
                figure = attention_figure(
                    np.asarray(weights), f"{name}, epoch {reporter.get_epoch()}", np.asarray(path)
                )
                target = Path(output_dir) / name / f"attention.{reporter.get_epoch()}ep.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                figure.savefig(target)
                if summary_writer is not None:
                    summary_writer.add_figure(f"attention_{name}", figure, reporter.get_epoch())
            reporter.next()
