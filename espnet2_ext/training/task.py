"""What all tasks of this project change in ESPnet's: weights are read safely and loaded whole."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import torch
from espnet2.tasks.abs_task import AbsTask
from espnet2.train.abs_espnet_model import AbsESPnetModel
from espnet2.train.collate_fn import CommonCollateFn

from espnet2_ext.data.weights import load_weights, read_training_config, read_weights


class TrainedTask(AbsTask):
    """ESPnet's task, whose files of weights are checked before they are used.

    ``required_names`` and ``optional_names`` are those of the data options, those in
    ``not_sequence`` have no lengths.

    Deviation: ESPnet 202511 unpickles weights, which can run any code, and both versions load
    what fits and leave the rest random (``strict=False``).
    """

    required_names: ClassVar[tuple[str, ...]] = ("speech",)
    optional_names: ClassVar[tuple[str, ...]] = ()
    not_sequence: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def required_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        """Return the names that the data options must give."""
        return cls.required_names

    @classmethod
    def optional_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        """Return the names that the data options may give."""
        return cls.optional_names

    @classmethod
    def build_collate_fn(cls, args: argparse.Namespace, train: bool) -> Callable:
        """Return ESPnet's collate function; the models mask padding."""
        return CommonCollateFn(
            float_pad_value=0.0, int_pad_value=0, not_sequence=list(cls.not_sequence)
        )

    @classmethod
    def build_preprocess_fn(cls, args: argparse.Namespace, train: bool) -> Callable | None:
        """Return None: data are taken as they are."""
        return None

    @classmethod
    def build_model_from_file(
        cls,
        config_file: str | Path | None = None,
        model_file: str | Path | None = None,
        device: str = "cpu",
    ) -> tuple[AbsESPnetModel, argparse.Namespace]:
        """Return a trained model, in training mode as ESPnet's, and its options.

        Without ``config_file`` the config.yaml beside the weights is taken; without ``model_file``
        the model stays as it was initialised.
        """
        if config_file is None:
            if model_file is None:
                raise ValueError("a config.yaml or a file of weights is needed")
            config_file = Path(model_file).parent / "config.yaml"
        weights = None if model_file is None else read_weights(model_file)
        args = argparse.Namespace(**read_training_config(config_file))
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
        """Train; weights to start from (``--init_param``) are read safely and checked first."""
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
