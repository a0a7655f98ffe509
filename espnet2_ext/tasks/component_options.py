"""Options of a task that are the keyword arguments of its components."""

import argparse
from collections.abc import Callable, Mapping

from espnet2.utils.get_default_kwargs import get_default_kwargs
from espnet2.utils.nested_dict_action import NestedDictAction


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
