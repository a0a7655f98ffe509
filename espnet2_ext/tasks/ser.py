"""The ESPnet2 task that recognises emotion."""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.tasks.abs_task import optim_classes
from espnet2.train.collate_fn import CommonCollateFn
from espnet2.train.distributed_utils import DistributedOption
from espnet2.utils.types import int_or_none, str2bool, str_or_none

from espnet2_ext.prosody2vec.features import HifiGanMel
from espnet2_ext.prosody2vec.prosody_encoder import ProsodyEncoder
from espnet2_ext.ser.emotion_model import EmotionModel
from espnet2_ext.ser.layer_pooling import LayerPooling
from espnet2_ext.ser.preprocessor import EmotionPreprocessor
from espnet2_ext.ser.pretrained import WEIGHTS, read_settings
from espnet2_ext.ser.upstream import FineTunedUpstream
from espnet2_ext.tasks.component_options import add_component_options
from espnet2_ext.tasks.mel_choices import normalize_choices, specaug_choices
from espnet2_ext.tasks.ser_trainer import EmotionTrainer
from espnet2_ext.tasks.trained_task import TrainedTask

EMOTIONS = ("neutral", "happy", "angry", "sad")
"""The four classes of [P2V] IV-C."""


class NoBatches(AbsIterFactory):
    """Batches of a protocol that validates on nothing."""

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> Iterator:
        """Return an empty iterator."""
        return iter(())


class EmotionTask(TrainedTask):
    """Emotion of an utterance ([P2V] IV-C)."""

    num_optimizers: int = 1
    class_choices_list = [normalize_choices, specaug_choices]
    trainer = EmotionTrainer

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options that only this task has."""
        group = parser.add_argument_group("Emotion recognition")
        group.add_argument(
            "--emotions", nargs="+", default=list(EMOTIONS), help="classes, in their order"
        )
        _add_prosody_options(group)
        _add_upstream_options(group)
        group.add_argument(
            "--classifier_lr", type=float, default=5.0e-4, help="rate of the last layer"
        )
        group.add_argument(
            "--test_key_file",
            type=str_or_none,
            default=None,
            help="utterances of the validation data options to predict after each epoch",
        )
        add_component_options(
            group,
            {
                "features": HifiGanMel,
                "prosody_encoder": ProsodyEncoder,
                "upstream_pooling": LayerPooling,
                "model": EmotionModel,
            },
        )
        for choices in cls.class_choices_list:
            choices.add_arguments(group)

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        """Train one fold; the trainer learns of the classes and of the test set first."""
        if args.use_prosody and args.prosody_init == "pretrained" and not args.collect_stats:
            if args.prosody_encoder_dir is None:
                raise ValueError("--prosody_encoder_dir is needed, or --prosody_init random")
            weights = Path(args.prosody_encoder_dir) / WEIGHTS
            args.init_param = [*args.init_param, f"{weights}:prosody_encoder:prosody_encoder"]
        trainer = cls.trainer
        trainer.emotions = list(args.emotions)
        trainer.test_batches = None
        if args.test_key_file is not None:

            def test_batches():
                return cls.build_streaming_iterator(
                    args.valid_data_path_and_name_and_type,
                    preprocess_fn=cls.build_preprocess_fn(args, train=False),
                    collate_fn=cls.build_collate_fn(args, train=False),
                    key_file=args.test_key_file,
                    batch_size=args.valid_batch_size or args.batch_size,
                    dtype=args.train_dtype,
                    num_workers=0,
                    ngpu=args.ngpu,
                )

            # A function in a class would be called with the class.
            trainer.test_batches = staticmethod(test_batches)  # type: ignore[assignment]
        super().main_worker(args)

    @classmethod
    def build_iter_factory(
        cls,
        args: argparse.Namespace,
        distributed_option: DistributedOption,
        mode: str,
        kwargs: dict | None = None,
    ) -> AbsIterFactory:
        """Return ESPnet's; for validation without ``--valid_shape_file`` one without batches."""
        if mode == "valid" and not args.valid_shape_file:
            return NoBatches()
        return super().build_iter_factory(args, distributed_option, mode, kwargs)

    @classmethod
    def build_collate_fn(cls, args: argparse.Namespace, train: bool) -> Callable:
        """Return ESPnet's collate function; padding is masked by the model."""
        return CommonCollateFn(
            float_pad_value=0.0, int_pad_value=0, not_sequence=["emotion", "upstream_vector"]
        )

    @classmethod
    def build_preprocess_fn(cls, args: argparse.Namespace, train: bool) -> Callable | None:
        """Return the look-up of classes."""
        return EmotionPreprocessor(args.emotions)

    @classmethod
    def required_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        """Return the names that the data options must give."""
        return () if inference else ("emotion",)

    @classmethod
    def optional_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        """Return the names that the data options may give."""
        return ("speech", "feats", "upstream_vector", "emotion")

    @classmethod
    def build_optimizers(
        cls, args: argparse.Namespace, model: torch.nn.Module
    ) -> list[torch.optim.Optimizer]:
        """Return one optimizer whose rate differs by part.

        Source: [P2V] IV-C1: 1e-4 for the prosody encoder, 5e-4 for the last layer.
        """
        rates = {"classifier": args.classifier_lr, "upstream": args.upstream_lr}
        groups: dict[str, list[torch.nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                part = name.split(".")[0]
                # What is learnt over a frozen upstream is as new as the last layer.
                part = "classifier" if part == "upstream_pooling" else part
                groups.setdefault(part, []).append(parameter)
        return [
            optim_classes[args.optim](
                [
                    {"params": parameters, **({"lr": rates[part]} if part in rates else {})}
                    for part, parameters in groups.items()
                ],
                **args.optim_conf,
            )
        ]

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> EmotionModel:
        """Return the model; what a frozen upstream's json says is written back into ``args``.

        The saved config.yaml then builds the same model without that file.
        """
        if args.prosody_encoder_dir is not None:
            exported = read_settings(args.prosody_encoder_dir)
            args.features_conf = exported.features_conf
            args.prosody_encoder_conf = exported.prosody_encoder_conf
            args.normalize_conf = {"stats_file": exported.stats_file}
        if args.input_normalization is not None:
            args.prosody_encoder_conf = {
                **args.prosody_encoder_conf,
                "input_normalization": args.input_normalization,
            }
        features = HifiGanMel(**args.features_conf)
        encoder = None
        if args.use_prosody:
            encoder = ProsodyEncoder(**{**args.prosody_encoder_conf, "mel_dim": features.mel_dim})
        normalize = augmentation = None
        if args.normalize is not None and args.use_prosody and not args.collect_stats:
            normalize = normalize_choices.get_class(args.normalize)(**args.normalize_conf)
        if args.specaug is not None:
            augmentation = specaug_choices.get_class(args.specaug)(**args.specaug_conf)
        upstream, pooling = cls._build_upstream(args)
        return EmotionModel(
            num_emotions=len(args.emotions),
            features=features,
            normalize=normalize,
            augmentation=augmentation,
            prosody_encoder=encoder,
            upstream=upstream,
            upstream_pooling=pooling,
            **args.model_conf,
        )

    @classmethod
    def _build_upstream(
        cls, args: argparse.Namespace
    ) -> tuple[FineTunedUpstream | None, LayerPooling | None]:
        """Return the upstream to fine-tune, if there is one, and the pooling of its layers."""
        if args.upstream is None:
            return None, None
        if args.upstream.endswith(".json") and args.upstream_layers is None:
            described = json.loads(Path(args.upstream).read_text(encoding="utf-8"))
            args.upstream_layers, args.upstream_dim = described["num_layers"], described["dim"]
        if args.upstream_layers is not None:
            shape = args.upstream_layers, args.upstream_dim
            return None, LayerPooling(*shape, **args.upstream_pooling_conf)
        upstream = FineTunedUpstream(args.upstream, args.upstream_path)
        return upstream, LayerPooling(
            upstream.num_layers, upstream.dim, **args.upstream_pooling_conf
        )


def _add_prosody_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of the prosody encoder and where it comes from."""
    group.add_argument(
        "--use_prosody", type=str2bool, default=True, help="classify from a prosody encoder"
    )
    group.add_argument(
        "--prosody_encoder_dir",
        type=str_or_none,
        default=None,
        help="folder of bin/export_prosody_encoder: gives sizes and statistics of the mels",
    )
    group.add_argument(
        "--prosody_init",
        choices=["pretrained", "random"],
        default="pretrained",
        help="whether its weights are taken too; random is taken for the FBANK row of Table IV,"
        " of which the paper names no network",
    )
    group.add_argument(
        "--input_normalization",
        type=str_or_none,
        default=None,
        help="of the prosody encoder, in place of that of its pretraining;"
        " the others of prosody_encoder_conf are the pretrained ones",
    )


def _add_upstream_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of an S3PRL upstream, fine-tuned or frozen."""
    group.add_argument(
        "--upstream",
        type=str_or_none,
        default=None,
        help="S3PRL upstream to fine-tune; or the json that describes a frozen one's vectors",
    )
    group.add_argument(
        "--upstream_path", type=str_or_none, default=None, help="its checkpoint or directory"
    )
    group.add_argument(
        "--upstream_layers", type=int_or_none, default=None, help="of a frozen upstream"
    )
    group.add_argument(
        "--upstream_dim", type=int_or_none, default=None, help="of a frozen upstream"
    )
    group.add_argument(
        "--upstream_lr",
        type=float,
        default=1.0e-5,
        help="rate of a fine-tuned upstream; the prosody encoder's is optim_conf lr",
    )
