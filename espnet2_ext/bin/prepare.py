"""Write the data directories of a corpus: ``python -m espnet2_ext.bin.prepare CORPUS --help``.

Every function ``prepare`` of a module of ``espnet2_ext.corpora`` is a command of the module's
name, and ``prepare_<list>`` is ``<module>_<list>``. Its options are the function's parameters:
types and defaults are those of the signature, help is the docstring's section ``Args``.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import NoneType

from espnet2_ext import corpora
from espnet2_ext.bin.entry import Command
from espnet2_ext.corpora.download import download_corpus
from espnet2_ext.corpora.pretraining import split_directory

Function = Callable[..., object]
OPTIONS = {"num_workers": ("--nj", "--num_workers")}
"""Of parameters that are not called as their option is."""
MEANINGS = {
    "num_valid": "utterances drawn for validation",
    "num_test": "utterances drawn for the test",
    "seed": "of what is drawn",
    "num_workers": "processes that decode",
    "allow_incomplete": "warn of what is missing or wrong and go on",
}
"""Of what docstrings need not say again."""


def commands() -> dict[str, Function]:
    """Return the function of every command, sorted by name."""
    found: dict[str, Function] = {"download": download_corpus, "split": split_directory}
    for info in pkgutil.walk_packages(corpora.__path__, f"{corpora.__name__}."):
        corpus = info.name.removeprefix(f"{corpora.__name__}.").partition(".")[0]
        for name, function in inspect.getmembers(importlib.import_module(info.name)):
            own = inspect.isfunction(function) and function.__module__ == info.name
            if own and re.fullmatch(r"prepare(_\w+)?", name):
                found[corpus + name.removeprefix("prepare")] = function
    return dict(sorted(found.items()))


def described(section: str, docstring: str) -> dict[str, str]:
    """Return what a section of a docstring in Google style says of each name, in one line."""
    lines = inspect.cleandoc(docstring).partition(f"\n{section}:\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", lines, re.MULTILINE)
    return {name: " ".join(text.replace("`", "").split()).rstrip(".") for name, text in entries}


def argument(name: str, kind: object, default: object, meaning: str) -> dict[str, object]:
    """Return what ``add_argument`` is told of a parameter; ``default`` may be empty."""
    is_required = default is inspect.Parameter.empty
    if not is_required and default is not None and default is not False:
        shown = " ".join(map(str, default)) if isinstance(default, (tuple, list)) else default
        meaning += f" (default: {shown})"
    said: dict[str, object] = {"dest": name, "help": meaning.replace("%", "%%")}
    said |= {"required": True} if is_required else {"default": default}
    if kind is bool:
        return {**said, "action": "store_true"}
    parts = [part for part in typing.get_args(kind) if part is not NoneType]
    if typing.get_origin(kind) is tuple:
        return {**said, "type": parts[0], "nargs": len(parts)}
    for part in (kind, *parts):
        if typing.get_origin(part) is Sequence:
            return {**said, "type": typing.get_args(part)[0], "nargs": "*"}
    plain = next((part for part in (kind, *parts) if part in (int, float)), str)
    return {**said, "type": plain}


def arguments(function: Function) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each parameter with what ``add_argument`` is told; a dataclass gives its fields."""
    meanings = MEANINGS | described("Args", function.__doc__ or "")
    hints = typing.get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if not dataclasses.is_dataclass(kind := hints[name]):
            yield name, argument(name, kind, parameter.default, meanings[name])
            continue
        meanings_of_fields = described("Attributes", kind.__doc__ or "")
        for field in dataclasses.fields(kind):
            meaning = meanings_of_fields[field.name]
            yield field.name, argument(field.name, field.type, field.default, meaning)


def call(function: Function, **options: object) -> None:
    """Call the function by its parameters' names; dataclasses are made of their fields."""
    given: dict[str, object] = {}
    for name, kind in typing.get_type_hints(function).items():
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            fields = [field.name for field in dataclasses.fields(kind)]
            given[name] = kind(**{field: options[field] for field in fields})
        elif name != "return":
            given[name] = options[name]
    function(**given)


def get_parser() -> Command:
    """Return the parser of all commands."""
    parser = Command("prepare", (__doc__ or "").split(":")[0])
    for name, function in commands().items():
        first_line = (function.__doc__ or "").split("\n")[0].replace("`", "")
        summary = re.split(r"(?:, and|;| and|,) return ", first_line.rstrip("."))[0]
        corpus = parser.add_command(name, partial(call, function), summary)
        for parameter, said in arguments(function):
            options = OPTIONS.get(parameter, (f"--{parameter}",))
            # The values of a dictionary have one type, those of add_argument differ.
            corpus.add_argument(*options, **said)  # type: ignore[arg-type]
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Prepare a corpus; what is missing or wrong is the error."""
    get_parser()(cmd)


if __name__ == "__main__":
    main()
