"""Options of a task that are the keyword arguments of its components."""

import argparse
from collections.abc import Callable, Mapping

from espnet2.asr.specaug.abs_specaug import AbsSpecAug
from espnet2.asr.specaug.specaug import SpecAug
from espnet2.layers.abs_normalize import AbsNormalize
from espnet2.layers.global_mvn import GlobalMVN
from espnet2.train.class_choices import ClassChoices
from espnet2.utils.get_default_kwargs import get_default_kwargs
from espnet2.utils.nested_dict_action import NestedDictAction

from espnet2_ext.prosody2vec.mels import SpecAugment

# ---------------------------------------------------------------- component options


def add_component_options(
    group: argparse._ArgumentGroup, components: Mapping[str, Callable]
) -> None:
    """Add ``--<name>_conf`` for each component, its defaults those of the component.

    Args:
        group: of the task's parser.
        components: class by name.
    """
    for name, component in components.items():
        group.add_argument(
            f"--{name}_conf",
            action=NestedDictAction,
            default=get_default_kwargs(component),
            help=f"The keyword arguments of {component.__name__}.",
        )


# ---------------------------------------------------------------- mel choices
# Classes that a configuration chooses for what happens to mels.

normalize_choices = ClassChoices(
    "normalize",
    classes=dict(global_mvn=GlobalMVN),
    type_check=AbsNormalize,
    default="global_mvn",
    optional=True,
)
specaug_choices = ClassChoices(
    "specaug",
    classes=dict(specaug=SpecAugment, espnet_specaug=SpecAug),
    type_check=AbsSpecAug,
    default=None,
    optional=True,
)
"""``espnet_specaug`` is ESPnet's own, with the same options; see SpecAugment for the difference."""
