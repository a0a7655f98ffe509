"""ESPnet's trainer, made safe to kill, timed, and drawing attention that is not ESPnet's own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from espnet2.torch_utils.device_funcs import to_device
from espnet2.train.trainer import Trainer

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.report.attention_figure import attention_figure
from espnet2_ext.tasks.throughput import Pace, ThroughputReporter, length_or_none


class Prosody2VecTrainer(Trainer):
    """Trainer whose checkpoints are never half written, with rates and attention in its log."""

    pace = Pace()

    @classmethod
    def run(cls, *arguments, **options) -> None:
        """Train as ESPnet does; a kill at any moment leaves a checkpoint to resume from."""
        cls.pace = Pace()
        with _atomic_torch_save():
            super().run(*arguments, **options)

    @classmethod
    def resume(cls, checkpoint, model, reporter, *arguments, **options) -> None:  # type: ignore[override]
        """Load the checkpoint, and redo what a kill right after it has left undone.

        ESPnet writes checkpoint.pth first, then ``<n>epoch.pth``, then the links to the
        best epochs: a kill between them would leave the averaging at the end without
        that epoch.
        """
        super().resume(checkpoint, model, reporter, *arguments, **options)
        output_dir, epoch = Path(checkpoint).parent, reporter.get_epoch()
        weights = output_dir / f"{epoch}epoch.pth"
        if not weights.exists():
            logging.info(f"{weights} was missing: written again from the checkpoint")
            torch.save(model.state_dict(), weights)
        _link(output_dir / "latest.pth", weights.name)
        for phase, key, mode in (("valid", "loss", "min"), ("train", "loss", "min")):
            link = output_dir / f"{phase}.{key}.best.pth"
            if reporter.has(phase, key) and (link.is_symlink() or link.exists()):
                _link(link, f"{reporter.get_best_epoch(phase, key, mode)}epoch.pth")

    @classmethod
    def train_one_epoch(  # type: ignore[override]
        cls, model, iterator, reporter, options, distributed_option, **others
    ) -> bool:
        """Train as ESPnet does; the statistics get the rates of ThroughputReporter."""
        plain_model = getattr(model, "module", model)
        measured = ThroughputReporter(
            reporter,
            count_frames=plain_model.mel_frames,
            frame_s=plain_model.frame_s,
            pace=cls.pace,
            iterations_per_epoch=length_or_none(iterator),
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
    def plot_attention(  # type: ignore[override]
        cls, model, output_dir, summary_writer, iterator, reporter, options
    ) -> None:
        """Draw what the free attention does for a few utterances, the true path over it.

        ESPnet draws only attention classes of its own.
        """
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


@contextmanager
def _atomic_torch_save() -> Iterator[None]:
    """Let torch.save to a path write beside and rename, as ESPnet's trainer calls it plainly."""
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


def _link(link: Path, target: str) -> None:
    """Point a symbolic link at a file beside it."""
    link.unlink(missing_ok=True)
    link.symlink_to(target)
