"""Compare what a copy of a corpus holds with what the whole corpus holds.

A copy that lacks a folder trains and scores as well as a whole one, only its numbers are
not comparable with anybody's. So every difference is an error, unless asked otherwise.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

EXAMPLES = 3

Faults = Mapping[str, Sequence[str] | Mapping[str, str]]
"""By kind, such as ``wavs unreadable``: the files, or reasons by file; may be empty."""


def self_check(
    root: str | Path,
    corpus: str,
    expected: Mapping[str, int],
    found: Mapping[str, int],
    faults: Faults | None = None,
    *,
    allow_incomplete: bool = False,
) -> None:
    """Log what was expected and found; a difference is an error.

    Args:
        root: the copy, for messages.
        corpus: its name, for messages.
        expected: counts of the whole corpus by name, such as ``utterances`` or ``angry``.
        found: counts of the copy; a name that it lacks counts as 0, further ones are ignored.
        faults: what is wrong in detail.
        allow_incomplete: log a difference as a warning instead.

    Raises:
        ValueError: the copy is not whole; one line with counts, examples and remedy.
    """
    logger.info("%-40s %9s %9s", f"self-check of {corpus}", "expected", "found")
    for name, wanted in expected.items():
        got = found.get(name, 0)
        mark = "" if got == wanted else "  differs"
        logger.info("%-40s %9d %9d%s", f"  {name}", wanted, got, mark)
    differences = _count_clauses(expected, found) + _fault_clauses(faults or {})
    if not differences:
        logger.info("%s: self-check passed", root)
        return
    message = f"{root}: not a whole {corpus}: {'; '.join(differences)}"
    if allow_incomplete:
        logger.warning("%s; going on with what is there", message)
        return
    raise ValueError(
        f"{message}; get the missing part again, or say --allow_incomplete to go on without it"
    )


def _count_clauses(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """Return at most one clause, ``1749 of 1750 utterances, 299 of 300 angry``."""
    wrong = [
        f"{found.get(name, 0)} of {wanted} {name}"
        for name, wanted in expected.items()
        if found.get(name, 0) != wanted
    ]
    if not wrong:
        return []
    more = f" and {len(wrong) - EXAMPLES} more counts" if len(wrong) > EXAMPLES else ""
    return [", ".join(wrong[:EXAMPLES]) + more]


def _fault_clauses(faults: Faults) -> list[str]:
    """Return one clause for each kind of fault, with its number and first example."""
    clauses = []
    for kind, files in faults.items():
        if files:
            first = next(iter(files))
            reason = f" ({files[first]})" if isinstance(files, Mapping) else ""
            clauses.append(f"{len(files)} {kind}, first {first}{reason}")
    return clauses
