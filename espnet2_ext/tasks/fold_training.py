"""Train many folds, each in a process that has loaded everything before."""

import logging
import multiprocessing
import os
import queue
import shutil
from collections.abc import Sequence
from pathlib import Path

from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.metrics.ser import score_emotions
from espnet2_ext.metrics.ser_predictions import read_predictions
from espnet2_ext.ser.fold_run import LAST, FoldRun, RunResult, SerData

logger = logging.getLogger(__name__)

LATEST = "latest.pth"
LEFT_OVER = ("checkpoint.pth", LATEST)
"""What resuming needs and a finished training does not."""

_data: SerData | None = None
_ngpu = 0


def train_folds(
    runs: Sequence[FoldRun], data: SerData, *, num_jobs: int = 1, num_gpus: int = 0
) -> int:
    """Train what is not complete, and return how many that were.

    A run that was killed goes on from its last epoch. A training that fails stops the
    others and leaves what is complete.

    Args:
        runs: see there; their folders are made.
        data: tables of all folds.
        num_jobs: processes; on CPUs with one thread each.
        num_gpus: each process sees one of them; 0 trains on the CPU.

    Raises:
        RuntimeError: a training failed; the message names its log.
    """
    waiting = []
    for run in runs:
        done, now = RunResult.read(run.directory), run.fingerprint(data)
        if done is not None and done.fingerprint == now:
            continue
        # A run that was killed under other settings must not go on under these.
        if done is not None or run.begun_from() not in (None, now):
            logger.warning(f"{run.directory}: made from other settings; trained anew")
            shutil.rmtree(run.directory)
        run.write_lists(data)
        waiting.append(run)
    if not waiting:
        return 0
    free = None
    if num_gpus:
        free = multiprocessing.get_context("spawn").Queue()
        for number in range(num_jobs):
            free.put(str(number % num_gpus))
    for _ in parallel_map(
        _train,
        waiting,
        description=f"folds ({len(runs) - len(waiting)} complete before)",
        num_workers=num_jobs,
        initializer=_start,
        initializer_arguments=(data, free, num_jobs),
        start_method="spawn",
    ):
        pass
    return len(waiting)


def _start(data: SerData, devices: "queue.Queue[str] | None", num_jobs: int) -> None:
    """Take a device and load what every training needs, once a process."""
    global _data, _ngpu
    _data = data
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices.get()
        _ngpu = 1
    import torch

    if num_jobs > 1 and not _ngpu:
        torch.set_num_threads(1)
    from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)


def _train(run: FoldRun) -> None:
    """Train one run, in a process that may have trained others before.

    Raises:
        RuntimeError: it failed; the message names its log.
    """
    from espnet2_ext.tasks.ser import EmotionTask

    assert _data is not None, "start of the process"
    log = run.directory / "train.log"
    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setFormatter(
        logging.Formatter("%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s")
    )
    root = logging.getLogger()
    before, root_level = root.handlers, root.level
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    try:
        EmotionTask.main(cmd=run.command(_data, _ngpu))
        result = choose_epochs(run, run.fingerprint(_data))
    except (Exception, SystemExit) as error:  # argparse leaves at an unknown option
        logger.exception("training failed")
        reason = " ".join(str(error).split())[:300]
        raise RuntimeError(
            f"{run.system}, {run.fold.name}, seed {run.seed}: {type(error).__name__}: {reason}"
            f" (log: {log})"
        ) from error
    finally:
        root.setLevel(root_level)
        root.handlers = before
        handler.close()
    result.write(run.directory)
    # After it: until then a kill must find what resuming needs.
    for name in LEFT_OVER:
        (run.directory / name).unlink(missing_ok=True)


def choose_epochs(run: FoldRun, fingerprint: str) -> RunResult:
    """Return the epoch that the validation set chooses, and that the test set would.

    The measure is the first ``best_model_criterion`` of the configuration; ``loss`` is
    not known of the test set, whose choice then goes by the weighted accuracy. Where a fold
    validates on nothing the last epoch is the result.

    Raises:
        ValueError: there are no predictions of the chosen epoch.
    """
    criterion = run.settings.get("best_model_criterion", [["valid", "acc", "max"]])[0][1]
    scores = {
        int(path.name.split(".")[1].removesuffix("ep")): _measure(path, criterion)
        for path in (run.directory / "predictions").glob("test.*ep.tsv")
    }
    link = run.directory / (f"valid.{criterion}.best.pth" if run.fold.valid else LATEST)
    epoch = int(os.readlink(link).split("epoch")[0])
    if epoch not in scores:
        raise ValueError(f"{run.directory}: no predictions of epoch {epoch}; train it anew")
    # Of epochs with the same score the first, as ESPnet chooses on the validation set.
    best = max(sorted(scores), key=lambda number: scores[number])
    return RunResult(
        fingerprint=fingerprint,
        fold=run.fold.name,
        fold_hash=run.fold_hash,
        seed=run.seed,
        num_train=len(run.fold.train),
        criterion=criterion if run.fold.valid else LAST,
        epoch=epoch,
        test_selected_epoch=best,
    )


def _measure(path: Path, criterion: str) -> float:
    """Return the accuracy that the criterion names, of a file of predictions."""
    predictions = read_predictions(path)
    scores = score_emotions(
        [each.emotion for each in predictions],
        [each.predicted for each in predictions],
        list(predictions[0].posteriors),
    )
    return scores.unweighted_accuracy if criterion == "ua" else scores.weighted_accuracy
