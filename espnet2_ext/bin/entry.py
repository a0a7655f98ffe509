"""What every command shares: its parser, its log, and one line for an error of the user."""

import logging
import pkgutil
import shlex
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from espnet2.utils.types import str2bool

YES_OR_NO: Any = {"type": str2bool, "default": False, "metavar": "{true,false}"}
"""Of an option that is given as ESPnet's are: ``--allow_pipes true``."""
Function = Callable[..., object] | str
"""Or ``module:name`` of one, imported when it is called: ``--help`` needs none of it."""

OLD_OPTIONS = {
    "--restore_contrast": "--variance_compensation",
    "--contrast_data_dir": "--compensation_data_dir",
    "--contrast_speaker_dir": "--compensation_speaker_dir",
    "--cached_mels": "--precomputed_features",
}
"""Former names of options, which every command takes with a warning for one release."""


class Command(ArgumentParser):
    """A parser that is called: it parses, starts the log and calls a function with the options.

    The name stands before an error; ``function`` takes every option by its name (None where there
    are subcommands). A quiet command, which prints to a user, logs only warnings.
    """

    def __init__(
        self,
        name: str,
        description: str | None,
        function: Function | None = None,
        *,
        is_quiet: bool = False,
        allow_abbrev: bool = True,
    ):
        super().__init__(
            prog=name,
            description=description,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=allow_abbrev,
        )
        self.set_defaults(_function=function, _name=name)
        self.is_quiet = is_quiet
        self._commands: Any = None

    def add_command(self, name: str, function: Function, summary: str) -> ArgumentParser:
        """Return the parser of a new subcommand."""
        if self._commands is None:
            self._commands = self.add_subparsers(
                required=True, metavar="COMMAND", parser_class=ArgumentParser
            )
        command = self._commands.add_parser(name, help=summary, description=f"{summary}.")
        command.set_defaults(_function=function, _name=command.prog)
        return command

    def __call__(self, cmd: list[str] | None = None) -> None:
        """Run with these arguments; None for those of the process."""
        words = sys.argv[1:] if cmd is None else cmd
        names = [word.partition("=")[0] for word in words]
        renamed = [
            OLD_OPTIONS.get(name, name) + word.removeprefix(name)
            for name, word in zip(names, words, strict=True)
        ]
        options = vars(self.parse_args(renamed))
        function, name = options.pop("_function"), options.pop("_name")
        start_log(is_quiet=self.is_quiet)
        for old in OLD_OPTIONS.keys() & names:
            logging.warning(f"{old} is now {OLD_OPTIONS[old]}; the old name will be removed")
        with user_errors(name):
            (pkgutil.resolve_name(function) if isinstance(function, str) else function)(**options)


def start_log(*, is_quiet: bool = False) -> None:
    """Log to stderr, the command line first; if quiet, only warnings."""
    if is_quiet:
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
        return
    form = "%(asctime)s (%(module)s) %(levelname)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form)
    logging.info(shlex.join(sys.orig_argv))


@contextmanager
def user_errors(name: str, *further: type[Exception]) -> Iterator[None]:
    """Turn an ``OSError``, a ``ValueError`` and ``further`` into one line and exit code 1.

    The traceback is logged at level DEBUG.
    """
    try:
        yield
    # The checker cannot see what `further` holds.
    except (OSError, ValueError, *further) as error:  # type: ignore[misc]
        logging.debug("%s failed", name, exc_info=True)
        raise SystemExit(f"{name}: {' '.join(str(error).split())}") from error
