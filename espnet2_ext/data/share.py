"""A share of a job's parts, for several processes that know nothing of each other."""

import re
from dataclasses import dataclass

SHARE_HELP = "do only this share of the utterances, such as 3/32; a run without it completes them"


@dataclass(frozen=True)
class Share:
    """Share ``index`` of ``count``, from 1 on, as tasks of a cluster's array are numbered."""

    index: int
    count: int

    def has(self, part: int) -> bool:
        """Return whether the part, numbered from 0, belongs to this share."""
        return part % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_share(text: str) -> Share:
    """Return the share that ``3/32`` means.

    Raises:
        ValueError: not of that form, or not from 1/n to n/n.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"share {text!r}: give one such as 3/32, the first is 1/32")
    return Share(int(match[1]), int(match[2]))
