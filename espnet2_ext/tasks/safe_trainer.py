"""ESPnet's trainer, made safe to kill at any moment."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import torch
from espnet2.train.trainer import Trainer

from espnet2_ext.data.atomic import atomic_open


class SafeTrainer(Trainer):
    """Trainer whose checkpoints are never half written, and that resumes as if never killed.

    Attributes:
        criteria: (phase, key, mode) whose best epochs have links.
    """

    criteria: ClassVar[Sequence[Sequence[str]]] = ()

    @classmethod
    def run(cls, *arguments, **options) -> None:
        """Train as ESPnet does; a kill at any moment leaves a checkpoint to resume from."""
        cls.criteria = options["trainer_options"].best_model_criterion
        with _atomic_torch_save():
            super().run(*arguments, **options)

    # It names the arguments it uses and hands the rest on: hence "type: ignore".
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
        for phase, key, mode in cls.criteria:
            if reporter.has(phase, key):
                best = reporter.get_best_epoch(phase, key, mode)
                _link(output_dir / f"{phase}.{key}.best.pth", f"{best}epoch.pth")


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
