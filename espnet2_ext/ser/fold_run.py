"""One training of one system on one fold under one seed: where it lies and how it is called."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.table import read_table, write_table
from espnet2_ext.ser.splits import Fold

RESULT = "result.json"
LAST = "last"
FINGERPRINT = "lists/fingerprint"


@dataclass(frozen=True)
class SerData:
    """The tables that all folds share.

    Attributes:
        emotion: utt2emo.
        shapes: ``feats_shape`` or ``speech_shape`` of all utterances.
        speech: wav.scp; for an upstream to be fine-tuned, or where there are no feats.
        feats: scp of kept mels; or None.
        prosody_encoder_dir: of bin/export_prosody_encoder; or None.
    """

    emotion: Path
    shapes: Path
    speech: Path
    feats: Path | None = None
    prosody_encoder_dir: Path | None = None


@dataclass(frozen=True)
class FoldRun:
    """What distinguishes one training.

    Attributes:
        system: name of the system, for messages.
        config: its ESPnet configuration.
        directory: of the experiment.
        fold: its lists.
        fold_hash: of them.
        labels: emotion of each utterance.
        emotions: classes in their order.
        seed: of the training.
        balanced: weight the loss by class, each as if it were as frequent as the others.
        extra: further options of the task.
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
        """Return a hash of everything that the result depends on and that is small."""
        parts = [self.config.read_text(encoding="utf-8"), self.fold_hash, str(self.seed)]
        parts += [str(self.balanced), *self.emotions, *self.extra]
        if data.prosody_encoder_dir is not None and self.settings.get("use_prosody", True):
            parts.append((data.prosody_encoder_dir / "config.yaml").read_text(encoding="utf-8"))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def begun_from(self) -> str | None:
        """Return the fingerprint under which the folder was begun; None for a new one."""
        path = self.directory / FINGERPRINT
        return path.read_text(encoding="utf-8").strip() if path.is_file() else None

    def write_lists(self, data: SerData) -> None:
        """Write ``lists/{train,valid}_shape``, ``lists/test`` and ``lists/fingerprint``.

        Raises:
            ValueError: an utterance of the fold has no shape; the message names it.
        """
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
        tables = [f"{data.emotion},emotion,text"]
        upstream = settings.get("upstream")
        is_frozen = upstream is not None and str(upstream).endswith(".json")
        uses_prosody = settings.get("use_prosody", True)
        if data.feats is not None and uses_prosody:
            tables.append(f"{data.feats},feats,npy")
        if (upstream is not None and not is_frozen) or (uses_prosody and data.feats is None):
            tables.append(f"{data.speech},speech,sound")
        if is_frozen:
            tables.append(f"{Path(str(upstream)).with_suffix('.scp')},upstream_vector,npy")
        options = ["--config", str(self.config), "--output_dir", str(self.directory)]
        for table in tables:
            options += ["--train_data_path_and_name_and_type", table]
            options += ["--valid_data_path_and_name_and_type", table]
        options += ["--train_shape_file", str(lists / "train_shape")]
        if self.fold.valid:
            options += ["--valid_shape_file", str(lists / "valid_shape")]
        options += ["--test_key_file", str(lists / "test"), "--emotions", *self.emotions]
        options += ["--seed", str(self.seed), "--ngpu", str(ngpu), "--resume", "true"]
        if data.prosody_encoder_dir is not None and uses_prosody:
            options += ["--prosody_encoder_dir", str(data.prosody_encoder_dir)]
        if self.balanced:
            weights = ",".join(f"{weight:.6f}" for weight in self.class_weights())
            options += ["--model_conf", f"class_weights=[{weights}]"]
        # Behind the user's options: nothing can tell when to stop early.
        return [*options, *self.extra, *([] if self.fold.valid else ["--patience", "none"])]


@dataclass(frozen=True)
class RunResult:
    """What ``result.json`` keeps of a finished training; the predictions lie beside it.

    Attributes:
        fingerprint: of ``FoldRun``.
        fold: its name.
        fold_hash: of its lists.
        seed: of the training.
        num_train: utterances trained on.
        criterion: validation measure that chose the epoch; `LAST` where there was no
            validation and the last one was taken.
        epoch: chosen by it.
        test_selected_epoch: the same measure's choice on the test set.
    """

    fingerprint: str
    fold: str
    fold_hash: str
    seed: int
    num_train: int
    criterion: str
    epoch: int
    test_selected_epoch: int

    def write(self, directory: Path) -> None:
        """Write ``result.json``, which says that the training is complete."""
        with atomic_open(directory / RESULT) as stream:
            json.dump(asdict(self), stream, indent=2)

    @classmethod
    def read(cls, directory: Path) -> "RunResult | None":
        """Return what the folder's ``result.json`` says; None where there is none."""
        path = directory / RESULT
        if not path.is_file():
            return None
        return cls(**json.loads(path.read_text(encoding="utf-8")))
