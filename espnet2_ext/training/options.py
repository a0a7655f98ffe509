"""The parts of a model that a configuration chooses by name, and the options of their arguments.

A class of your own is added to ``classes`` of a choice before the task parses its options, for
instance ``prosody_encoder_choices.classes["mine"] = MyEncoder``. The docstring of each choice
says what such a class must offer.
"""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from espnet2.asr.specaug.abs_specaug import AbsSpecAug
from espnet2.asr.specaug.specaug import SpecAug
from espnet2.layers.abs_normalize import AbsNormalize
from espnet2.layers.global_mvn import GlobalMVN
from espnet2.train.class_choices import ClassChoices
from espnet2.utils.get_default_kwargs import get_default_kwargs
from espnet2.utils.nested_dict_action import NestedDictAction

from espnet2_ext.prosody2vec.aligned_decoder import AlignedDecoder
from espnet2_ext.prosody2vec.bottleneck import FiniteScalarQuantizer
from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.encoders import EspnetProsodyEncoder, ProsodyEncoder, UnitEncoder
from espnet2_ext.prosody2vec.mels import HifiGanMel, SpecAugment, VoiceWarp

features_choices = ClassChoices(
    "features", classes=dict(hifigan_mel=HifiGanMel), default="hifigan_mel"
)
"""The frontend: waveforms (B, N) and lengths to mels (B, T, ``mel_dim``) and lengths; with
``sample_rate_hz`` and ``hop_length``."""
normalize_choices = ClassChoices(
    "normalize",
    classes=dict(global_mvn=GlobalMVN),
    type_check=AbsNormalize,
    default="global_mvn",
    optional=True,
)
specaug_choices = ClassChoices(
    "specaug",
    classes=dict(specaug=SpecAugment, espnet_specaug=SpecAug, voice_warp=VoiceWarp),
    type_check=AbsSpecAug,
    default=None,
    optional=True,
)
"""Of what the prosody encoder reads, in training. ``espnet_specaug`` is ESPnet's own, with the same
options; see SpecAugment for the difference."""
unit_encoder_choices = ClassChoices(
    "unit_encoder", classes=dict(units2vec=UnitEncoder), default="units2vec"
)
"""Built with ``num_units``; units (B, U) and lengths to (B, U, ``output_dim``)."""
prosody_encoder_choices = ClassChoices(
    "prosody_encoder",
    classes=dict(ecapa=ProsodyEncoder, espnet=EspnetProsodyEncoder),
    default="ecapa",
)
"""Built with ``mel_dim``; mels (B, T, M) and lengths to (B, ``output_dim``)."""
decoder_choices = ClassChoices(
    "decoder",
    classes=dict(attention_lstm=Prosody2VecDecoder, aligned_lstm=AlignedDecoder),
    default="attention_lstm",
)
"""Built with ``encoded_dim``, ``shared_dim`` and ``mel_dim``; the attributes and methods of
Prosody2VecDecoder, or of AlignedDecoder on the explicit prosody path."""
bottleneck_choices = ClassChoices(
    "bottleneck", classes=dict(fsq=FiniteScalarQuantizer), default=None, optional=True
)
"""Of the explicit prosody path: vectors (B, P) to vectors (B, P)."""


def build_part(choices: ClassChoices, args: argparse.Namespace, **given: Any) -> Any:
    """Return the part that the options choose, or None where an optional one is not wanted.

    Its name and arguments are written back into ``args``, and so into config.yaml; ``given`` ones,
    which other parts determine, override the options. Without a name (an old config.yaml) the
    default is taken. Another name is a ValueError, an argument that is not known a TypeError.
    """
    name = getattr(args, choices.name, None)
    if name is None and choices.optional:
        return None
    name = name or choices.default
    part = choices.get_class(name)
    conf = {**get_default_kwargs(part), **getattr(args, f"{choices.name}_conf")}
    conf = {key: value for key, value in conf.items() if key not in given}
    setattr(args, choices.name, name)
    setattr(args, f"{choices.name}_conf", conf)
    return part(**conf, **given)


def add_component_options(
    group: argparse._ArgumentGroup, components: Mapping[str, Callable]
) -> None:
    """Add ``--<name>_conf`` for each component that is not chosen; its defaults are the class's."""
    for name, component in components.items():
        group.add_argument(
            f"--{name}_conf",
            action=NestedDictAction,
            default=get_default_kwargs(component),
            help=f"The keyword arguments of {component.__name__}.",
        )
