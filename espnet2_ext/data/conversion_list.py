"""A list of recordings to convert: one line each, with what gives words, prosody and voice.

Tab-separated, its first line names the columns: ``name condition source prosody`` and, where
wanted, ``speaker`` and ``text``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_csv

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class ListedConversion:
    """One line of the list; source, prosody and speaker are audio files."""

    name: str  # of the conversion and its file; letters, digits, dot, dash and underscore
    condition: str  # kind of transfer, such as ``cross_lingual``; scores are reported for each
    source: str  # whose words are said
    prosody: str
    speaker: str = ""  # whose voice is taken; "" takes the source's
    text: str = ""  # what the source says; "" where that is not known

    @property
    def files(self) -> list[str]:
        """Return the audio files it needs."""
        return [self.source, self.prosody, *([self.speaker] if self.speaker else [])]


COLUMNS = [field.name for field in fields(ListedConversion)]


def write_conversion_list(path: str | Path, conversions: Iterable[ListedConversion]) -> None:
    """Write a header and a line a conversion; ValueError if a field holds a tab or a line end."""
    lines = ["\t".join(COLUMNS)]
    for conversion in conversions:
        values = [getattr(conversion, name) for name in COLUMNS]
        if any(re.search(r"[\t\r\n]", value) for value in values):
            raise ValueError(f"{path}: {conversion.name}: a field holds a tab or a line end")
        lines.append("\t".join(values))
    with atomic_open(path) as stream:
        stream.write("".join(f"{line}\n" for line in lines))


def read_conversion_list(path: str | Path) -> list[ListedConversion]:
    """Return the conversions in file order.

    Raises as `read_csv`, or ValueError where a name cannot be a file's or stands twice, or an audio
    file is not there.
    """
    conversions: dict[str, ListedConversion] = {}
    rows = read_csv(path, COLUMNS[:4], COLUMNS[4:], is_tabs=True, has_gaps=True)
    for number, row in rows:
        conversion, place = ListedConversion(**row), f"{path}:{number}"
        name = conversion.name
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{place}: the name {name!r:.80} becomes a file's; use letters, digits,"
                " dot, dash and underscore"
            )
        if name in conversions:
            raise ValueError(f"{place}: {name} stands twice; rename one")
        for file in conversion.files:
            if not Path(file).is_file():
                raise ValueError(f"{place}: {name}: {file}: no such file; correct the path")
        conversions[name] = conversion
    return list(conversions.values())
