"""What all tasks of this project change in ESPnet's: weights are read safely and loaded whole."""

import argparse
from pathlib import Path

import torch
import yaml
from espnet2.tasks.abs_task import AbsTask
from espnet2.train.abs_espnet_model import AbsESPnetModel

from espnet2_ext.data.weights import load_weights, read_weights


class TrainedTask(AbsTask):
    """ESPnet's task, whose files of weights are checked before they are used.

    Deviation: ESPnet 202511 unpickles weights, which can run any code, and both versions load
    what fits and leave the rest random (``strict=False``).
    """

    @classmethod
    def build_model_from_file(
        cls,
        config_file: str | Path | None = None,
        model_file: str | Path | None = None,
        device: str = "cpu",
    ) -> tuple[AbsESPnetModel, argparse.Namespace]:
        """Return a trained model, in training mode as ESPnet's, and its options.

        Args:
            config_file: None takes config.yaml beside the weights.
            model_file: weights; None leaves the model as it was initialised.
            device: torch device.

        Raises:
            FileNotFoundError: a file is not there.
            ValueError: neither file is given, the configuration is not one of this task, or
                the weights are not those of its model; see ``read_weights`` and
                ``load_weights``.
        """
        if config_file is None:
            if model_file is None:
                raise ValueError("a config.yaml or a file of weights is needed")
            config_file = Path(model_file).parent / "config.yaml"
        weights = None if model_file is None else read_weights(model_file)
        try:
            options = yaml.safe_load(Path(config_file).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{config_file}: not readable as yaml; copy it again") from error
        if not isinstance(options, dict):
            raise ValueError(f"{config_file}: not the config.yaml of a training; copy it again")
        args = argparse.Namespace(**options)
        try:
            model = cls.build_model(args)
        except AttributeError as error:
            raise ValueError(
                f"{config_file}: not the config.yaml of a {cls.__name__} ({error})"
            ) from error
        if weights is not None and model_file is not None:
            load_weights(model, weights, model_file, config_file)
        return model.to(torch.device(device)), args

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        """Train; weights to start from (``--init_param``) are read safely first.

        Raises:
            FileNotFoundError: such a file is not there.
            ValueError: it is more than weights; or, without ``--ignore_init_mismatch``, the
                part that is named holds none, or one file that is taken whole is not the model.
        """
        for given in args.init_param:
            path, *parts = given.split(":")
            weights = read_weights(path)
            if args.ignore_init_mismatch:
                continue
            if not parts and len(args.init_param) == 1:
                load_weights(cls.build_model(args), weights, path, "the training's configuration")
            elif parts and not any(name.startswith(parts[0]) for name in weights):
                raise ValueError(f"{path}: holds no tensor whose name begins with {parts[0]!r}")
        super().main_worker(args)
