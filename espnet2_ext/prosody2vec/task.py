"""The ESPnet2 task that pretrains Prosody2Vec, and the preprocessor of its examples."""

import argparse
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from espnet2.tasks.abs_task import scheduler_classes
from espnet2.utils.get_default_kwargs import get_default_kwargs
from espnet2.utils.nested_dict_action import NestedDictAction
from espnet2.utils.types import int_or_none, str2bool, str_or_none
from torch import nn

from espnet2_ext.data.tables import read_table
from espnet2_ext.prosody2vec.aligned_decoder import AlignedDecoder
from espnet2_ext.prosody2vec.bottleneck import AdversarialSpeakerClassifier
from espnet2_ext.prosody2vec.contour_tables import (
    ContourSettings,
    SpeakerStatisticsTable,
    check_contours,
)
from espnet2_ext.prosody2vec.encoders import UnitEncoder
from espnet2_ext.prosody2vec.explicit_model import ExplicitProsody2VecModel, input_width
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.prosody2vec.model import Prosody2VecModel
from espnet2_ext.prosody2vec.predictor import ProsodyPredictor, UnitProsodyEmbedding
from espnet2_ext.speaker.embeddings import SpeakerVectorSampler
from espnet2_ext.training.options import (
    add_component_options,
    bottleneck_choices,
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

PROSODY_PATHS = ("implicit", "explicit")
OF_SPEAKER = ("speaker_embedding", "speaker_statistics", "relative_log_rate", "speaker_index")
"""What the preprocessor adds to an example."""

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
        with_statistics: bool = False,
    ):
        self.statistics = (
            SpeakerStatisticsTable.from_directory(directory, other_directory)
            if with_statistics
            else None
        )
        self.sampler = SpeakerVectorSampler.from_directory(
            directory, other_directory, deterministic=is_deterministic
        )
        self.is_deterministic = is_deterministic

    def __call__(self, utterance_id: str, data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the example with ``speaker_embedding`` (speaker_dim,) added.

        On the explicit prosody path ``speaker_statistics`` (3,), ``relative_log_rate`` (1,) and
        ``speaker_index`` (1,) too.
        """
        generator = None
        if not self.is_deterministic:
            generator = np.random.default_rng(np.random.randint(2**31))
        data["speaker_embedding"] = self.sampler.draw(utterance_id, generator)
        if self.statistics is not None:
            data["speaker_statistics"] = self.statistics.of_others(utterance_id)
            data["relative_log_rate"] = self.statistics.relative_log_rate(utterance_id)
            data["speaker_index"] = np.array([self.statistics.speaker_index(utterance_id)])
        return data


def shared_preprocessor(
    directory: str | Path,
    is_deterministic: bool,
    other_directory: str | Path | None = None,
    with_statistics: bool = False,
) -> SpeakerVectorPreprocessor:
    """Return the preprocessor of a directory, the same one as long as its tables are the same.

    ESPnet asks for one at each split of the training tables in each epoch.
    """
    folders = tuple(Path(each) for each in (directory, other_directory) if each is not None)
    names = ["utt2spk", "spk_embed.scp"] + ["utt2prosody"] * with_statistics
    stats = [(folder / name).stat() for folder in folders for name in names]
    version = tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)
    return _built(is_deterministic, with_statistics, version, *folders)


@lru_cache(maxsize=2)  # of training and of validation
def _built(
    is_deterministic: bool,
    with_statistics: bool,
    version: tuple,
    directory: Path,
    other: Path | None = None,
) -> SpeakerVectorPreprocessor:
    return SpeakerVectorPreprocessor(directory, is_deterministic, other, with_statistics)


class Prosody2VecTask(TrainedTask):
    """Pretraining by reconstruction ([P2V] III, IV-B).

    ``--prosody_path implicit`` is the paper's: whatever the prosody encoder finds in the mel is
    in the vector alone. ``explicit``, not in paper, is that of ExplicitProsody2VecModel.
    """

    num_optimizers: int = 1
    class_choices_list = [
        features_choices,
        normalize_choices,
        specaug_choices,
        unit_encoder_choices,
        prosody_encoder_choices,
        decoder_choices,
        bottleneck_choices,
    ]
    trainer = Prosody2VecTrainer
    required_names = ("units", "unit_durations")
    optional_names = ("speech", "feats", "contours", *OF_SPEAKER)
    not_sequence = OF_SPEAKER

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
        add(
            "--prosody_path",
            choices=PROSODY_PATHS,
            default="implicit",
            help="of the paper, or by predicted pitch, voicing, level and duration of each unit",
        )
        add(
            "--num_speakers",
            type=int_or_none,
            default=None,
            help="of the training set; none: counted where a speaker classifier is wanted",
        )
        add("--speaker_dim", type=int, default=192, help="width of the speaker vectors")
        add(
            "--use_preprocessor",
            type=str2bool,
            default=True,
            help="draw speaker vectors; only data that holds them already needs False",
        )
        # Of either class; what the configuration leaves out is filled in by build_model.
        add("--model_conf", action=NestedDictAction, default={}, help="of the model's class")
        add_component_options(
            group,
            {
                "predictor": ProsodyPredictor,
                "unit_prosody": UnitProsodyEmbedding,
                "speaker_classifier": AdversarialSpeakerClassifier,
            },
        )
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
        explicit = getattr(args, "prosody_path", "implicit") == "explicit"
        if explicit:
            settings = ContourSettings.of_config(vars(args))
            for each in filter(None, (directory, other)):
                check_contours(each, settings)
        return shared_preprocessor(directory, not train, other, explicit)

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
        """Return the model; what files and defaults give is written back into ``args``.

        The saved config.yaml then builds the same model without them.

        Raises:
            ValueError: the number of units is not known, or the decoder is of the other path.
        """
        if args.num_units is None:
            if args.centroids is None:
                raise ValueError("--num_units or --centroids is needed")
            centroids = Centroids.load(Path(args.centroids))
            args.num_units = len(centroids.centers)
            args.unit_stride_samples = centroids.stride_samples
            args.unit_offset_samples = centroids.offset_samples
        explicit = getattr(args, "prosody_path", "implicit") == "explicit"
        model_class = ExplicitProsody2VecModel if explicit else Prosody2VecModel
        given = {
            name: getattr(args, name)
            for name in ("unit_stride_samples", "unit_offset_samples")
            if getattr(args, name) is not None
        }
        args.model_conf = {**get_default_kwargs(model_class), **args.model_conf, **given}
        features = build_part(features_choices, args)
        normalize = None if args.collect_stats else build_part(normalize_choices, args)
        specaug = build_part(specaug_choices, args)
        unit_encoder = build_part(unit_encoder_choices, args, num_units=args.num_units)
        if explicit:
            return cls._build_explicit(args, features, normalize, specaug, unit_encoder)
        prosody_encoder = build_part(prosody_encoder_choices, args, mel_dim=features.mel_dim)
        decoder = build_part(
            decoder_choices,
            args,
            encoded_dim=unit_encoder.output_dim,
            shared_dim=args.speaker_dim + prosody_encoder.output_dim,
            mel_dim=features.mel_dim,
        )
        if isinstance(decoder, AlignedDecoder):
            raise ValueError("decoder aligned_lstm: needs prosody_path explicit")
        return Prosody2VecModel(
            features=features,
            normalize=normalize,
            prosody_augmentation=specaug,
            unit_encoder=unit_encoder,
            prosody_encoder=prosody_encoder,
            decoder=decoder,
            **args.model_conf,
        )

    @classmethod
    def _build_explicit(
        cls,
        args: argparse.Namespace,
        features: HifiGanMel,
        normalize: nn.Module | None,
        specaug: nn.Module | None,
        unit_encoder: UnitEncoder,
    ) -> ExplicitProsody2VecModel:
        """Return the model of the explicit prosody path, of the parts that both paths have."""
        conf = args.model_conf
        prosody_encoder = build_part(
            prosody_encoder_choices,
            args,
            mel_dim=input_width(conf["prosody_input"], features.mel_dim),
        )
        prosody_dim, encoded_dim = prosody_encoder.output_dim, unit_encoder.output_dim
        unit_embedding = UnitProsodyEmbedding(**args.unit_prosody_conf)
        shared_dim = args.speaker_dim + unit_embedding.speaker_dim
        if conf["decoder_reads_vector"]:
            shared_dim += prosody_dim
        decoder = build_part(
            decoder_choices,
            args,
            encoded_dim=encoded_dim + unit_embedding.output_dim,
            shared_dim=shared_dim,
            mel_dim=features.mel_dim,
        )
        if not isinstance(decoder, AlignedDecoder):
            raise ValueError(f"decoder {args.decoder}: prosody_path explicit needs aligned_lstm")
        classifier = None
        if conf["classifier_weight"] > 0.0:
            if args.num_speakers is None:
                if args.train_speaker_dir is None:
                    raise ValueError("--train_speaker_dir or --num_speakers is needed")
                table = read_table(Path(args.train_speaker_dir) / "utt2spk")
                args.num_speakers = len(set(table.values()))
            classifier = AdversarialSpeakerClassifier(
                prosody_dim, args.num_speakers, **args.speaker_classifier_conf
            )
        return ExplicitProsody2VecModel(
            features=features,
            normalize=normalize,
            prosody_augmentation=specaug,
            unit_encoder=unit_encoder,
            prosody_encoder=prosody_encoder,
            bottleneck=build_part(bottleneck_choices, args),
            predictor=ProsodyPredictor(encoded_dim, prosody_dim, **args.predictor_conf),
            unit_embedding=unit_embedding,
            decoder=decoder,
            speaker_classifier=classifier,
            **conf,
        )
