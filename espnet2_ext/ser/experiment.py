"""Systems by protocols by folds by seeds: every training of an experiment, listed and run.

A training lies in ``ser_<system>/<protocol>/<fold>/seed_<seed>``; its ``result.json`` is written
last and says that it is complete.
"""

import hashlib
import json
import logging
import multiprocessing
import os
import queue
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from espnet2_ext.data.parallel import atomic_open, parallel_map
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.metrics.ser import (
    confusion_of,
    read_predictions,
    unweighted_accuracy,
    weighted_accuracy,
)
from espnet2_ext.ser.folds import FoldSet, fold_hash, read_folds
from espnet2_ext.ser.splits import Fold

logger = logging.getLogger(__name__)

RESULT = "result.json"
LAST = "last"
FINGERPRINT = "lists/fingerprint"
LATEST = "latest.pth"


@dataclass(frozen=True)
class SerData:
    """The tables that all folds share.

    ``shapes`` is ``feats_shape`` or ``speech_shape`` of all utterances; ``speech``, a wav.scp, is
    for an upstream to be fine-tuned, or where there are no precomputed mels (``feats``).
    On the explicit prosody path ``feats`` are contours relative to the ``speaker_statistics``.
    """

    emotion: Path
    shapes: Path
    speech: Path
    feats: Path | None = None
    prosody_encoder_dir: Path | None = None
    speaker_statistics: str | None = None

    @classmethod
    def of_recipe(
        cls, data_dir: Path, stats_dir: Path, prosody_encoder_dir: Path | None
    ) -> "SerData":
        """Return the tables that ser.sh left; FileNotFoundError where contours are missing."""
        from espnet2_ext.ser.prosody_input import TABLE

        data = cls(
            emotion=data_dir / "utt2emo",
            shapes=stats_dir / "train/speech_shape",
            speech=data_dir / "wav.scp",
            prosody_encoder_dir=prosody_encoder_dir,
        )
        if prosody_encoder_dir is not None:
            config = yaml.safe_load((prosody_encoder_dir / "config.yaml").read_text("utf-8"))
            if config.get("prosody_path") == "explicit":
                path = stats_dir / TABLE
                made_by = path.with_suffix(".json")
                if not made_by.is_file():
                    raise FileNotFoundError(f"{made_by}: no such file; run ser.sh, stage 6")
                said = json.loads(made_by.read_text("utf-8"))["speaker_statistics"]
                shapes = data_dir / "utt2num_samples"
                return replace(data, shapes=shapes, feats=path, speaker_statistics=said)
        feats = stats_dir / "train/collect_feats/feats.scp"
        return replace(data, feats=feats if feats.is_file() else None)


@dataclass(frozen=True)
class FoldRun:
    """One training of one system on one fold under one seed.

    ``labels`` are of the utterances, ``emotions`` the classes in order; ``balanced`` weights the
    loss as if all were equally frequent; ``extra`` are further options of the task.
    """

    system: str
    config: Path
    directory: Path
    fold: Fold
    fold_hash: str
    labels: Mapping[str, str]
    emotions: Sequence[str]
    seed: int
    balanced: bool = False
    extra: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """Return the configuration of the system as written."""
        return yaml.safe_load(self.config.read_text(encoding="utf-8")) or {}

    def fingerprint(self, data: SerData) -> str:
        """Return a hash of everything small that the result depends on."""
        parts = [self.config.read_text(encoding="utf-8"), self.fold_hash, str(self.seed)]
        parts += [str(self.balanced), *self.emotions, *self.extra]
        if data.prosody_encoder_dir is not None and self.settings.get("use_prosody", True):
            parts.append((data.prosody_encoder_dir / "config.yaml").read_text(encoding="utf-8"))
            parts += filter(None, [data.speaker_statistics])
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def begun_from(self) -> str | None:
        """Return the fingerprint under which the folder was begun; None for a new one."""
        path = self.directory / FINGERPRINT
        return path.read_text(encoding="utf-8").strip() if path.is_file() else None

    def write_lists(self, data: SerData) -> None:
        """Write the folder ``lists``; a ValueError names an utterance without shape."""
        shapes = read_table(data.shapes)
        for part, names in self.fold.parts.items():
            for name in names:
                if name not in shapes:
                    raise ValueError(
                        f"{data.shapes}: {name}: missing, though {self.fold.name} has it;"
                        " run the stages from formatting on again"
                    )
            out = self.directory / "lists" / (part if part == "test" else f"{part}_shape")
            write_table(out, {name: shapes[name] for name in names})
        with atomic_open(self.directory / FINGERPRINT) as stream:
            stream.write(f"{self.fingerprint(data)}\n")

    def class_weights(self) -> list[float]:
        """Return one weight a class: N / (K x utterances of the class) of the training list."""
        labels = [self.labels[name] for name in self.fold.train]
        counts = [labels.count(emotion) for emotion in self.emotions]
        return [len(labels) / (len(counts) * max(count, 1)) for count in counts]

    def command(self, data: SerData, ngpu: int) -> list[str]:
        """Return the options of ``EmotionTask``."""
        settings, lists = self.settings, self.directory / "lists"
        upstream = settings.get("upstream")
        is_frozen = upstream is not None and str(upstream).endswith(".json")
        uses_prosody = settings.get("use_prosody", True)
        tables = [f"{data.emotion},emotion,text"]
        if data.feats is not None and uses_prosody:
            tables.append(f"{data.feats},feats,npy")
        if (upstream is not None and not is_frozen) or (uses_prosody and data.feats is None):
            tables.append(f"{data.speech},speech,sound")
        if is_frozen:
            tables.append(f"{Path(str(upstream)).with_suffix('.scp')},upstream_vector,npy")
        options: list[object] = ["--config", self.config, "--output_dir", self.directory]
        for table in tables:
            for part in ("train", "valid"):
                options += [f"--{part}_data_path_and_name_and_type", table]
        options += ["--train_shape_file", lists / "train_shape"]
        if self.fold.valid:
            options += ["--valid_shape_file", lists / "valid_shape"]
        options += ["--test_key_file", lists / "test", "--emotions", *self.emotions]
        options += ["--seed", self.seed, "--ngpu", ngpu, "--resume", "true"]
        if data.prosody_encoder_dir is not None and uses_prosody:
            options += ["--prosody_encoder_dir", data.prosody_encoder_dir]
            if data.speaker_statistics is not None:
                options += ["--speaker_statistics", data.speaker_statistics]
        if self.balanced:
            weights = ",".join(f"{weight:.6f}" for weight in self.class_weights())
            options += ["--model_conf", f"class_weights=[{weights}]"]
        options += self.extra
        if not self.fold.valid:  # nothing can stop it early, whatever the user says
            options += ["--patience", "none"]
        return [str(option) for option in options]


@dataclass(frozen=True)
class RunResult:
    """Content of ``result.json`` of a finished training; the predictions lie beside it.

    ``num_train`` counts the utterances trained on; ``criterion`` is the validation measure that
    chose the epoch (`LAST` without validation), ``test_selected_epoch`` its choice on the test set;
    ``averaged`` best epochs make the result, 1 for ``epoch`` alone.
    """

    fingerprint: str
    fold: str
    fold_hash: str
    seed: int
    num_train: int
    criterion: str
    epoch: int
    test_selected_epoch: int
    averaged: int = 1

    @property
    def weights(self) -> str:
        """Return the name of the weights in the folder of the training."""
        if self.criterion == LAST:
            return f"{self.epoch}epoch.pth"
        which = "best" if self.averaged == 1 else f"ave_{self.averaged}best"
        return f"valid.{self.criterion}.{which}.pth"

    @property
    def predictions(self) -> str:
        """Return the name of the test predictions in the folder of the training."""
        return f"predictions/test.{f'{self.epoch}ep' if self.averaged == 1 else 'ave'}.tsv"

    def write(self, directory: Path) -> None:
        """Write ``result.json``, which says that the training is complete."""
        with atomic_open(directory / RESULT) as stream:
            json.dump(asdict(self), stream, indent=2)

    @classmethod
    def read(cls, directory: Path) -> "RunResult | None":
        """Return the content of the folder's ``result.json``; None where there is none."""
        path = directory / RESULT
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


@dataclass(frozen=True)
class System:
    """A row of the result table; ``max_seeds`` limits it to the first seeds of each protocol."""

    tag: str
    config: Path
    max_seeds: int | None = None

    @classmethod
    def of_config(cls, config: str | Path) -> "System":
        """Return the system of ``conf/train_ser_<tag>.yaml`` or ``<path>:<max_seeds>``."""
        name, _, limit = str(config).partition(":")
        path = Path(name)
        if not path.is_file():
            raise ValueError(f"{path}: no such configuration")
        if limit and not (limit.isdecimal() and int(limit) > 0):
            raise ValueError(f"{config}: expected FILE or FILE:SEEDS, as {path}:1")
        tag = path.stem.removeprefix("train_").removeprefix("ser_")
        return cls(tag, path, int(limit) if limit else None)


@dataclass(frozen=True)
class ProtocolRuns:
    """Folds of one protocol and the seeds that train on each."""

    folds: FoldSet
    seeds: tuple[int, ...]

    @property
    def tag(self) -> str:
        """Return the protocol's name with the limit of its training lists, if there is one."""
        limit = self.folds.max_train
        return self.folds.protocol + (f"_train{limit}" if limit else "")


def read_protocols(
    folds_dir: str | Path, wanted: Sequence[str], utt2emo: str | Path
) -> list[ProtocolRuns]:
    """Return the protocols that ``<name>`` (seed 0) or ``<name>:<seed>,<seed>`` ask for.

    ValueError where a seed is no number; or as `read_folds`.
    """
    labels = read_table(Path(utt2emo))
    protocols = []
    for entry in wanted:
        name, _, listed = entry.partition(":")
        seeds = (listed or "0").split(",")
        if not all(seed.isdecimal() for seed in seeds):
            raise ValueError(f"protocol {entry!r}: expected NAME or NAME:SEED,SEED, as loso:0,1,2")
        folds = read_folds(Path(folds_dir) / name, labels)
        protocols.append(ProtocolRuns(folds, tuple(map(int, seeds))))
    return protocols


def list_runs(
    systems: Sequence[System],
    protocols: Sequence[ProtocolRuns],
    expdir: str | Path,
    emotions: Sequence[str],
    *,
    balanced: bool = False,
    extra: Sequence[str] = (),
) -> list[FoldRun]:
    """Return every training, seeds outermost: an interrupted experiment has complete tables.

    ValueError for two systems of one name, or folds with an emotion that is no class.
    """
    tags = [system.tag for system in systems]
    if len(set(tags)) < len(tags):
        raise ValueError(f"two configurations give one name: {', '.join(tags)}; rename one")
    for protocol in protocols:
        unknown = set(protocol.folds.emotions) - set(emotions)
        if unknown:
            raise ValueError(
                f"{protocol.tag}: emotions {', '.join(sorted(unknown))} are none of"
                f" {', '.join(emotions)}; give them as classes, or leave them out of the data"
            )
    return [
        FoldRun(
            system.tag,
            system.config,
            Path(expdir, f"ser_{system.tag}", protocol.tag, fold.name, f"seed_{seed}"),
            fold,
            fold_hash(fold, protocol.folds.labels),
            protocol.folds.labels,
            tuple(emotions),
            seed,
            balanced,
            tuple(extra),
        )
        for place in range(max(len(protocol.seeds) for protocol in protocols))
        for protocol in protocols
        for seed in protocol.seeds[place : place + 1]
        for fold in protocol.folds.folds
        for system in systems
        if system.max_seeds is None or place < system.max_seeds
    ]


_data: SerData | None = None
_ngpu = 0


def train_folds(
    runs: Sequence[FoldRun], data: SerData, *, num_jobs: int = 1, num_gpus: int = 0
) -> int:
    """Train what is not complete, and return how many trainings that were.

    A run that was killed resumes from its last epoch. Each of ``num_jobs`` processes sees one of
    ``num_gpus`` GPUs, or has one CPU thread. A failure is a RuntimeError that names its log.
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
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")  # such as those a cluster assigned
        devices = visible.split(",") if visible else list(map(str, range(num_gpus)))
        for number in range(num_jobs):
            free.put(devices[number % min(num_gpus, len(devices))])
    trained = parallel_map(
        _train,
        waiting,
        description=f"folds ({len(runs) - len(waiting)} complete before)",
        num_workers=num_jobs,
        initializer=_start,
        initializer_arguments=(data, free, num_jobs),
        start_method="spawn",
    )
    return len(list(trained))


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
    """Train one run, in a process that may have trained others before."""
    from espnet2_ext.ser.task import EmotionTask

    assert _data is not None, "start of the process"
    log, root = run.directory / "train.log", logging.getLogger()
    handler = logging.FileHandler(log, encoding="utf-8")
    form = "%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    handler.setFormatter(logging.Formatter(form))
    before, root_level = root.handlers, root.level
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    command = run.command(_data, _ngpu)
    try:
        logger.info("ser_train %s", shlex.join(command))
        EmotionTask.main(cmd=command)
        result = choose_epochs(run, run.fingerprint(_data))
    except (Exception, SystemExit) as error:  # argparse leaves at an unknown option
        logger.exception("training failed")
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise RuntimeError(
            f"{run.system}, {run.fold.name}, seed {run.seed}: {reason} (log: {log})"
        ) from error
    finally:
        root.handlers = before
        root.setLevel(root_level)
        handler.close()
    result.write(run.directory)
    # What only resuming needs; until now a kill must find it.
    for name in ("checkpoint.pth", LATEST):
        (run.directory / name).unlink(missing_ok=True)


def choose_epochs(run: FoldRun, fingerprint: str) -> RunResult:
    """Return the epoch that the validation set chooses, and that the test set would.

    The measure is the first ``best_model_criterion``; for ``loss``, unknown of the test set, its
    choice goes by the weighted accuracy. A fold without validation takes the last epoch. Where
    ESPnet averaged epochs, the average is the result. A ValueError says that predictions lack.
    """
    from espnet2_ext.ser.task import num_averaged

    criterion = run.settings.get("best_model_criterion", [["valid", "acc", "max"]])[0][1]
    score = unweighted_accuracy if criterion == "ua" else weighted_accuracy
    scores = {}
    for path in (run.directory / "predictions").glob("test.*ep.tsv"):
        predictions = read_predictions(path)
        epoch = int(path.name.split(".")[1].removesuffix("ep"))
        scores[epoch] = score(confusion_of(predictions, list(predictions[0].posteriors)))
    link = run.directory / (f"valid.{criterion}.best.pth" if run.fold.valid else LATEST)
    epoch = int(os.readlink(link).split("epoch")[0])
    if epoch not in scores:
        raise ValueError(f"{run.directory}: no predictions of epoch {epoch}; train it anew")
    return RunResult(
        fingerprint=fingerprint,
        fold=run.fold.name,
        fold_hash=run.fold_hash,
        seed=run.seed,
        num_train=len(run.fold.train),
        criterion=criterion if run.fold.valid else LAST,
        epoch=epoch,
        # Of epochs with the same score the first, as ESPnet chooses on the validation set.
        test_selected_epoch=max(sorted(scores), key=lambda number: scores[number]),
        averaged=num_averaged(run.directory, criterion) if run.fold.valid else 1,
    )
