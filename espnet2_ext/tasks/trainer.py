"""Training with rates in its log, and with attention drawn that is not ESPnet's own."""

from pathlib import Path

import numpy as np
import torch
from espnet2.torch_utils.device_funcs import to_device

from espnet2_ext.report.attention_figure import attention_figure
from espnet2_ext.tasks.safe_trainer import SafeTrainer
from espnet2_ext.tasks.throughput import Pace, ThroughputReporter, length_or_none


# Its methods name what they use of the trainer's arguments: hence "type: ignore".
class Prosody2VecTrainer(SafeTrainer):
    """Safe to kill, with rates and attention in its log."""

    pace = Pace()

    @classmethod
    def run(cls, *arguments, **options) -> None:
        """Train as SafeTrainer does, with a pace of this run."""
        cls.pace = Pace()
        super().run(*arguments, **options)

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
