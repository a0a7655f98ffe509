"""The ESPnet2 task that recognises emotion ([P2V] IV-C), and its trainer."""

import argparse
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.iterators.multiple_iter_factory import MultipleIterFactory
from espnet2.tasks.abs_task import optim_classes
from espnet2.torch_utils.device_funcs import to_device
from espnet2.train.class_choices import ClassChoices
from espnet2.train.distributed_utils import DistributedOption
from espnet2.utils.types import int_or_none, str2bool, str_or_none

from espnet2_ext.data.weights import read_weights
from espnet2_ext.metrics.ser import (
    Prediction,
    confusion_of,
    unweighted_accuracy,
    write_predictions,
)
from espnet2_ext.prosody2vec.contours import DEFAULT_TRACKER
from espnet2_ext.prosody2vec.explicit_model import input_width
from espnet2_ext.ser.model import EmotionModel, FineTunedUpstream, LayerPooling
from espnet2_ext.ser.pretrained import WEIGHTS, read_settings
from espnet2_ext.ser.prosody_input import OTHERS, SPEAKER_STATISTICS
from espnet2_ext.training.options import (
    add_component_options,
    build_part,
    features_choices,
    normalize_choices,
    prosody_encoder_choices,
    specaug_choices,
)
from espnet2_ext.training.task import TrainedTask
from espnet2_ext.training.trainer import SafeTrainer

logger = logging.getLogger(__name__)

EMOTIONS = ("neutral", "happy", "angry", "sad")
"""The four classes of [P2V] IV-C."""

Batches = Iterable[tuple[list[str], dict[str, torch.Tensor]]]


def num_averaged(directory: str | Path, criterion: str) -> int:
    """Return how many epochs ESPnet averaged into ``valid.<criterion>.ave.pth``; 1 for none."""
    link = Path(directory) / f"valid.{criterion}.ave.pth"
    found = re.search(r"ave_(\d+)best", os.readlink(link)) if link.is_symlink() else None
    return int(found[1]) if found else 1


class EmotionTrainer(SafeTrainer):
    """Trainer that reports the unweighted accuracy and writes the predictions of each epoch.

    ``test_batches`` gives the test set anew; it is predicted after each epoch too. No epoch is
    selected by it: the gap to a selection that cheats is to be shown (``test-selected``).
    """

    emotions: ClassVar[list[str]] = []
    test_batches: ClassVar[Callable[[], Batches] | None] = None

    @classmethod
    def run(cls, *arguments, **options) -> None:
        """Train, and predict the test set with the average of the best epochs, if there is one."""
        super().run(*arguments, **options)
        settings, model = options["trainer_options"], options["model"]
        criterion = settings.best_model_criterion[0][1]
        averaged = num_averaged(settings.output_dir, criterion)
        if averaged > 1 and cls.test_batches is not None:
            path = Path(settings.output_dir) / f"valid.{criterion}.ave_{averaged}best.pth"
            model.load_state_dict(read_weights(path))
            cls._predict_test(model.eval(), settings, "ave")

    @classmethod
    @torch.no_grad()
    def validate_one_epoch(cls, model, iterator, reporter, options, distributed_option) -> None:
        """Report loss, accuracy and unweighted accuracy of the validation set, if there is one.

        Several processes, which would share the set, are a ValueError.
        """
        if distributed_option.distributed or options.ngpu > 1:
            raise ValueError("one training of a fold uses one GPU; give others to other folds")
        model.eval()
        epoch = f"{reporter.get_epoch()}ep"
        predictions, all_stats = cls._predict(model, iterator, options)
        if predictions:
            accuracy = unweighted_accuracy(confusion_of(predictions, cls.emotions))
            all_stats[-1][0]["ua"] = torch.tensor(float(accuracy))  # of the whole set
            write_predictions(f"{options.output_dir}/predictions/valid.{epoch}.tsv", predictions)
        for stats, weight in all_stats:
            reporter.register(stats, weight)
            reporter.next()
        if cls.test_batches is not None:
            cls._predict_test(model, options, epoch)

    @classmethod
    @torch.no_grad()
    def _predict_test(cls, model, options, state: str) -> None:
        """Write the predictions of the test set by the weights after an epoch, or by an average."""
        assert cls.test_batches is not None, "asked by the caller"
        predictions, _ = cls._predict(model, cls.test_batches(), options)
        write_predictions(f"{options.output_dir}/predictions/test.{state}.tsv", predictions)

    @classmethod
    def _predict(
        cls, model, batches: Batches, options
    ) -> tuple[list[Prediction], list[tuple[dict[str, torch.Tensor], torch.Tensor]]]:
        """Return the predictions of all batches; the statistics and the size of each."""
        device = "cuda" if options.ngpu > 0 else "cpu"
        predictions, all_stats = [], []
        for utterance_ids, batch in batches:
            batch = to_device(dict(batch), device)
            emotion = batch.pop("emotion")
            with torch.autocast(device, enabled=options.use_amp and device == "cuda"):
                logits = model.logits(**batch)
            all_stats.append((model.loss(logits, emotion)[1], torch.tensor(float(len(logits)))))
            posteriors = logits.double().softmax(dim=1).cpu()
            labels = emotion[:, 0].tolist()
            for name, label, row in zip(utterance_ids, labels, posteriors, strict=True):
                right, guess = cls.emotions[label], cls.emotions[int(row.argmax())]
                values = dict(zip(cls.emotions, row.tolist(), strict=True))
                predictions.append(Prediction(name, right, guess, values))
        return predictions, all_stats


def number_emotion(
    emotions: Sequence[str], utterance_id: str, data: dict[str, str | np.ndarray]
) -> dict[str, str | np.ndarray]:
    """Return the example with ``emotion`` (1,) as a class number; ValueError for an unknown one."""
    name = data.get("emotion")
    if isinstance(name, str):
        if name not in emotions:
            raise ValueError(
                f"utt2emo: {utterance_id}: {name!r} is none of {', '.join(emotions)};"
                " give --emotions, or leave such utterances out"
            )
        data["emotion"] = np.array([emotions.index(name)], dtype=np.int64)
    return data


upstream_pooling_choices = ClassChoices(
    "upstream_pooling", classes=dict(layers=LayerPooling), default="layers"
)
"""Built with ``num_layers`` and ``dim``; means over time (B, L, D) to (B, ``output_dim``)."""


class EmotionTask(TrainedTask):
    """Emotion of an utterance ([P2V] IV-C)."""

    num_optimizers: int = 1
    class_choices_list = [
        features_choices,
        normalize_choices,
        specaug_choices,
        prosody_encoder_choices,
        upstream_pooling_choices,
    ]
    trainer = EmotionTrainer
    required_names = ("emotion",)
    optional_names = ("speech", "feats", "upstream_vector", "emotion")
    not_sequence = ("emotion", "upstream_vector")

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options that only this task has."""
        group = parser.add_argument_group("Emotion recognition")
        add = group.add_argument
        text = {"type": str_or_none}
        add("--emotions", nargs="+", default=list(EMOTIONS), help="classes, in their order")
        add("--use_prosody", type=str2bool, default=True, help="classify from a prosody encoder")
        source = "folder of bin/export_prosody_encoder: gives sizes and statistics of the mels"
        add("--prosody_encoder_dir", **text, help=source)
        add(
            "--prosody_init",
            choices=["pretrained", "random"],
            default="pretrained",
            help="whether its weights are taken too; random is taken for the FBANK row of Table IV,"
            " of which the paper names no network",
        )
        replaced = "of the prosody encoder, in place of its pretraining's; the rest stays"
        add("--input_normalization", **text, help=replaced)
        folder = "of the encoder; its folder gives it"
        add("--prosody_path", choices=["implicit", "explicit"], default="implicit", help=folder)
        add("--f0_tracker", default=DEFAULT_TRACKER, help="of its contours; its folder gives it")
        add(
            "--speaker_statistics",
            choices=list(SPEAKER_STATISTICS),
            default=OTHERS,
            help="of whose utterances the contours given are relative to",
        )
        upstream = "S3PRL upstream to fine-tune; or the json that describes a frozen one's vectors"
        add("--upstream", **text, help=upstream)
        add("--upstream_path", **text, help="its checkpoint or directory")
        add("--upstream_layers", type=int_or_none, help="of a frozen upstream")
        add("--upstream_dim", type=int_or_none, help="of a frozen upstream")
        rate = "rate of a fine-tuned upstream; the prosody encoder's is optim_conf lr"
        add("--upstream_lr", type=float, default=1.0e-5, help=rate)
        add("--classifier_lr", type=float, default=5.0e-4, help="rate of the last layer")
        tested = "utterances of the validation data options to predict after each epoch"
        add("--test_key_file", **text, help=tested)
        add_component_options(group, {"model": EmotionModel})
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
        cls.trainer.emotions = list(args.emotions)
        cls.trainer.test_batches = None
        if args.test_key_file is not None:
            cls.trainer.test_batches = partial(
                cls.build_streaming_iterator,
                args.valid_data_path_and_name_and_type,
                preprocess_fn=cls.build_preprocess_fn(args, train=False),
                collate_fn=cls.build_collate_fn(args, train=False),
                key_file=args.test_key_file,
                batch_size=args.valid_batch_size or args.batch_size,
                dtype=args.train_dtype,
                num_workers=0,
                ngpu=args.ngpu,
            )
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
            return MultipleIterFactory([])
        return super().build_iter_factory(args, distributed_option, mode, kwargs)

    @classmethod
    def build_preprocess_fn(cls, args: argparse.Namespace, train: bool) -> Callable | None:
        """Return the look-up of classes."""
        return partial(number_emotion, args.emotions)

    @classmethod
    def build_optimizers(
        cls, args: argparse.Namespace, model: torch.nn.Module
    ) -> list[torch.optim.Optimizer]:
        """Return one optimizer whose rate differs by part.

        Source: [P2V] IV-C1: 1e-4 for the prosody encoder, 5e-4 for the last layer.
        """
        # What is learnt over a frozen upstream is as new as the last layer.
        groups: dict[str, list[torch.nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            part = name.split(".")[0].replace("upstream_pooling", "classifier")
            if parameter.requires_grad:
                groups.setdefault(part, []).append(parameter)
        rates = {"classifier": args.classifier_lr, "upstream": args.upstream_lr}
        parts = [
            {"params": parameters, **({"lr": rates[part]} if part in rates else {})}
            for part, parameters in groups.items()
        ]
        return [optim_classes[args.optim](parts, **args.optim_conf)]

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> EmotionModel:
        """Return the model; a frozen upstream's sizes are written back into ``args``."""
        if args.prosody_encoder_dir is not None:
            vars(args).update(read_settings(args.prosody_encoder_dir))
        # A config.yaml from before the explicit path does not name it.
        reads_contours = args.use_prosody and getattr(args, "prosody_path", "") == "explicit"
        if reads_contours:
            cls._leave_out_options_of_mels(args)
        args.model_conf = {**args.model_conf, "reads_contours": reads_contours}
        if args.input_normalization is not None:
            args.prosody_encoder_conf = {
                **args.prosody_encoder_conf,
                "input_normalization": args.input_normalization,
            }
        features = build_part(features_choices, args)
        encoder = None
        if args.use_prosody:
            width = input_width("contour" if reads_contours else "mel", features.mel_dim)
            encoder = build_part(prosody_encoder_choices, args, mel_dim=width)
        normalize = None
        if args.use_prosody and not args.collect_stats:
            normalize = build_part(normalize_choices, args)
        upstream, pooling = cls._build_upstream(args)
        return EmotionModel(
            num_emotions=len(args.emotions),
            features=features,
            normalize=normalize,
            augmentation=build_part(specaug_choices, args),
            prosody_encoder=encoder,
            upstream=upstream,
            upstream_pooling=pooling,
            **args.model_conf,
        )

    @staticmethod
    def _leave_out_options_of_mels(args: argparse.Namespace) -> None:
        """Set to None what a configuration for mels does to them, with a warning."""
        for name in ("input_normalization", "specaug"):
            if getattr(args, name) is not None:
                logger.warning(
                    f"{name} {getattr(args, name)}: left out, is for mels; this prosody encoder "
                    "reads contours relative to the speaker"
                )
                setattr(args, name, None)
        args.normalize = None

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
        upstream, sizes = None, (args.upstream_layers, args.upstream_dim)
        if args.upstream_layers is None:
            upstream = FineTunedUpstream(args.upstream, args.upstream_path)
            sizes = upstream.num_layers, upstream.dim
        given = dict(zip(("num_layers", "dim"), sizes, strict=True))
        return upstream, build_part(upstream_pooling_choices, args, **given)
