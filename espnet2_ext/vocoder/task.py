"""The ESPnet2 task that trains a HiFi-GAN on the mels of conversion."""

import argparse
import logging

import torch
from espnet2.gan_tts.hifigan import HiFiGANGenerator, HiFiGANMultiScaleMultiPeriodDiscriminator
from espnet2.tasks.abs_task import optim_classes
from espnet2.train.class_choices import ClassChoices
from espnet2.utils.types import str_or_none

from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.training.options import add_component_options
from espnet2_ext.training.task import TrainedTask
from espnet2_ext.training.trainer import SafeGANTrainer
from espnet2_ext.vocoder.gan_model import VocoderModel
from espnet2_ext.vocoder.hifigan import EDGES, build_generator, load_speechbrain_generator
from espnet2_ext.vocoder.settings import MelSettings

logger = logging.getLogger(__name__)


class VocoderTask(TrainedTask):
    """Waveforms from mels by a HiFi-GAN (Kong, Kim and Bae, 2020)."""

    num_optimizers: int = 2
    class_choices_list: list[ClassChoices] = []
    trainer = SafeGANTrainer

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options that only this task has."""
        group = parser.add_argument_group("Vocoder")
        group.add_argument(
            "--init_generator",
            type=str_or_none,
            help="SpeechBrain HiFi-GAN, by hub name or directory, to start from; gives"
            " generator_conf and generator_edges too",
        )
        group.add_argument(
            "--generator_edges",
            choices=EDGES,
            default="zeros",
            help="what convolutions see past the ends: zeros, or SpeechBrain's mirror image",
        )
        add_component_options(
            group,
            {
                "features": HifiGanMel,
                "generator": HiFiGANGenerator,
                "discriminator": HiFiGANMultiScaleMultiPeriodDiscriminator,
                "model": VocoderModel,
            },
        )

    @classmethod
    def build_optimizers(
        cls, args: argparse.Namespace, model: torch.nn.Module
    ) -> list[torch.optim.Optimizer]:
        """Return the generator's optimizer, then the discriminators'."""
        assert isinstance(model, VocoderModel)
        return [
            optim_classes[args.optim](model.generator.parameters(), **args.optim_conf),
            optim_classes[args.optim2](model.discriminator.parameters(), **args.optim2_conf),
        ]

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> VocoderModel:
        """Return the model; what ``init_generator`` gave is written back into ``args``."""
        differences = MelSettings().differences(vars(MelSettings.of_model(args.features_conf)))
        if differences:
            raise ValueError(f"features_conf: not the mel of conversion: {', '.join(differences)}")
        weights = None
        if args.init_generator is not None and not args.collect_stats:
            settings, weights = load_speechbrain_generator(args.init_generator)
            logger.info(f"the generator starts from {args.init_generator}")
            args.generator_conf = {**args.generator_conf, **settings}
            args.generator_edges, args.init_generator = "reflect", None
        generator = build_generator(args.generator_conf, args.generator_edges)
        if weights is not None:
            generator.load_state_dict(weights)
        return VocoderModel(
            features=HifiGanMel(**args.features_conf),
            generator=generator,
            discriminator=HiFiGANMultiScaleMultiPeriodDiscriminator(**args.discriminator_conf),
            **args.model_conf,
        )
