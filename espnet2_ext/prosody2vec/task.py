"""The ESPnet2 task that pretrains Prosody2Vec, and the preprocessor of its examples."""

import argparse
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from espnet2.tasks.abs_task import scheduler_classes
from espnet2.utils.types import int_or_none, str2bool, str_or_none

from espnet2_ext.prosody2vec.model import Prosody2VecModel
from espnet2_ext.speaker.embeddings import SpeakerVectorSampler
from espnet2_ext.training.options import (
    add_component_options,
    build_part,
    decoder_choices,
    features_choices,
    normalize_choices,
    prosody_encoder_choices,
    specaug_choices,
    unit_encoder_choices,
)
from espnet2_ext.training.schedule import SplitIterFactory, WarmupCosineLR
from espnet2_ext.training.task import TrainedTask
from espnet2_ext.training.trainer import Prosody2VecTrainer
from espnet2_ext.units.centroids import Centroids

# ESPnet looks schedulers up by name in this mapping.
scheduler_classes["warmupcosine"] = WarmupCosineLR


class SpeakerVectorPreprocessor:
    """ESPnet preprocess function that adds ``speaker_embedding`` to an example.

    ``directory`` holds ``utt2spk`` and ``spk_embed.scp`` of the examples; the vectors of
    ``other_directory`` are drawn for these speakers too (in validation, the training set).

    Source: [P2V] III-B: "we input a different audio belonging to the same speaker".
    While training, the draw uses numpy's global generator, which ESPnet seeds by epoch and
    worker: every epoch draws anew, and a resumed run draws as an undisturbed one. In
    validation (``is_deterministic``) an utterance has the same vector in every epoch.
    """

    def __init__(
        self,
        directory: str | Path,
        is_deterministic: bool,
        other_directory: str | Path | None = None,
    ):
        self.sampler = SpeakerVectorSampler.from_directory(
            directory, other_directory, deterministic=is_deterministic
        )
        self.is_deterministic = is_deterministic

    def __call__(self, utterance_id: str, data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the example with ``speaker_embedding`` (speaker_dim,) added."""
        generator = None
        if not self.is_deterministic:
            generator = np.random.default_rng(np.random.randint(2**31))
        data["speaker_embedding"] = self.sampler.draw(utterance_id, generator)
        return data


def shared_preprocessor(
    directory: str | Path, is_deterministic: bool, other_directory: str | Path | None = None
) -> SpeakerVectorPreprocessor:
    """Return the preprocessor of a directory, the same one as long as its tables are the same.

    ESPnet asks for one at each split of the training tables in each epoch.
    """
    folders = tuple(Path(each) for each in (directory, other_directory) if each is not None)
    stats = [(folder / name).stat() for folder in folders for name in ("utt2spk", "spk_embed.scp")]
    version = tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)
    return _built(is_deterministic, version, *folders)


@lru_cache(maxsize=2)  # of training and of validation
def _built(
    is_deterministic: bool, version: tuple, directory: Path, other: Path | None = None
) -> SpeakerVectorPreprocessor:
    return SpeakerVectorPreprocessor(directory, is_deterministic, other)


class Prosody2VecTask(TrainedTask):
    """Pretraining by reconstruction ([P2V] III, IV-B)."""

    num_optimizers: int = 1
    class_choices_list = [
        features_choices,
        normalize_choices,
        specaug_choices,
        unit_encoder_choices,
        prosody_encoder_choices,
        decoder_choices,
    ]
    trainer = Prosody2VecTrainer
    required_names = ("units", "unit_durations")
    optional_names = ("speech", "feats", "speaker_embedding")
    not_sequence = ("speaker_embedding",)

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options of this task."""
        group = parser.add_argument_group("Prosody2Vec")
        add = group.add_argument
        helps = {
            "centroids": "k-means file of the units; gives the next three where they are not set",
            "num_units": "vocabulary size",
            "unit_stride_samples": "samples between the upstream frames that durations count",
            "unit_offset_samples": "sample at the centre of the first upstream frame",
            "train_speaker_dir": "with utt2spk and spk_embed.scp of the training set",
            "valid_speaker_dir": "of the validation set, whose vectors are drawn from both",
        }
        for name, meaning in helps.items():
            kind = int_or_none if "unit" in name else str_or_none
            add(f"--{name}", type=kind, default=None, help=meaning)
        add("--speaker_dim", type=int, default=192, help="width of the speaker vectors")
        add(
            "--use_preprocessor",
            type=str2bool,
            default=True,
            help="draw speaker vectors; only data that holds them already needs False",
        )
        add_component_options(group, {"model": Prosody2VecModel})
        for choices in cls.class_choices_list:
            choices.add_arguments(group)

    @classmethod
    def build_preprocess_fn(cls, args: argparse.Namespace, train: bool) -> Callable | None:
        """Return the draw of speaker vectors; None where statistics are collected."""
        if not args.use_preprocessor or args.collect_stats:
            return None
        directory, other = args.train_speaker_dir, None
        if not train:
            directory, other = args.valid_speaker_dir, args.train_speaker_dir
        if directory is None:
            option = "--train_speaker_dir" if train else "--valid_speaker_dir"
            raise ValueError(f"{option} is needed: a directory with utt2spk and spk_embed.scp")
        return shared_preprocessor(directory, not train, other)

    @classmethod
    def build_multiple_iter_factory(
        cls, args: argparse.Namespace, distributed_option, mode: str
    ) -> SplitIterFactory:
        """Return the reader of the training tables part by part (--multiple_iterator true)."""
        factory = super().build_multiple_iter_factory(args, distributed_option, mode)
        parts = len(factory.build_funcs)
        if args.num_iters_per_epoch is not None and args.num_iters_per_epoch < parts:
            raise ValueError(
                f"--num_iters_per_epoch {args.num_iters_per_epoch}: fewer than the {parts} parts "
                "of the training tables, so some would never be read; raise it, or split into fewer"
            )
        return SplitIterFactory(factory.build_funcs, factory.seed, factory.shuffle)

    @classmethod
    def check_task_requirements(
        cls, dataset, allow_variable_data_keys: bool, train: bool, inference: bool = False
    ) -> None:
        """Check the names as ESPnet does; speech or feats (precomputed mels), else ValueError."""
        super().check_task_requirements(dataset, allow_variable_data_keys, train, inference)
        if dataset.has_name("speech") == dataset.has_name("feats"):
            raise ValueError(
                "data options: give either speech (wav.scp,speech,sound) or the mels that "
                "--write_collected_feats true kept (feats.scp,feats,npy)"
            )

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> Prosody2VecModel:
        """Return the model; what the k-means file gives is written back into ``args``.

        The saved config.yaml then builds the same model without that file.
        """
        if args.num_units is None:
            if args.centroids is None:
                raise ValueError("--num_units or --centroids is needed")
            centroids = Centroids.load(Path(args.centroids))
            args.num_units = len(centroids.centers)
            args.unit_stride_samples = centroids.stride_samples
            args.unit_offset_samples = centroids.offset_samples
        features = build_part(features_choices, args)
        unit_encoder = build_part(unit_encoder_choices, args, num_units=args.num_units)
        prosody_encoder = build_part(prosody_encoder_choices, args, mel_dim=features.mel_dim)
        decoder = build_part(
            decoder_choices,
            args,
            encoded_dim=unit_encoder.output_dim,
            shared_dim=args.speaker_dim + prosody_encoder.output_dim,
            mel_dim=features.mel_dim,
        )
        model_conf = dict(args.model_conf)
        for name in ("unit_stride_samples", "unit_offset_samples"):
            if getattr(args, name) is not None:
                model_conf[name] = getattr(args, name)
        return Prosody2VecModel(
            features=features,
            normalize=None if args.collect_stats else build_part(normalize_choices, args),
            prosody_augmentation=build_part(specaug_choices, args),
            unit_encoder=unit_encoder,
            prosody_encoder=prosody_encoder,
            decoder=decoder,
            **model_conf,
        )
