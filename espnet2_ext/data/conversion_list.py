"""A list of recordings to convert: one line each, with what gives words, prosody and voice.

Tab-separated, its first line names the columns: ``name condition source prosody`` and, where
wanted, ``speaker`` and ``text``. Where speaker is empty, the source
gives its own voice; in training another utterance of the speaker gives it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from espnet2_ext.data.parallel import atomic_open

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class ListedConversion:
    """One line of the list.

    Attributes:
        name: of the conversion and its file; letters, digits, dot, dash and underscore.
        condition: kind of transfer, such as ``cross_lingual``; scores are reported for each.
        source: audio file whose words are said.
        prosody: audio file whose prosody is taken.
        speaker: audio file whose voice is taken; "" takes the source's.
        text: what the source says; "" where that is not known.
    """

    name: str
    condition: str
    source: str
    prosody: str
    speaker: str = ""
    text: str = ""

    @property
    def files(self) -> list[str]:
        """Return the audio files it needs."""
        return [self.source, self.prosody, *([self.speaker] if self.speaker else [])]


COLUMNS = [field.name for field in fields(ListedConversion)]
REQUIRED = COLUMNS[:4]


def write_conversion_list(path: str | Path, conversions: Iterable[ListedConversion]) -> None:
    """Write a header and a line a conversion, in the order given.

    Raises:
        ValueError: a field holds a tab or a line end.
    """
    lines = ["\t".join(COLUMNS)]
    for conversion in conversions:
        values = [getattr(conversion, name) for name in COLUMNS]
        if any(re.search(r"[\t\r\n]", value) for value in values):
            raise ValueError(f"{path}: {conversion.name}: a field holds a tab or a line end")
        lines.append("\t".join(values))
    with atomic_open(path) as stream:
        stream.write("".join(f"{line}\n" for line in lines))


def read_conversion_list(path: str | Path) -> list[ListedConversion]:
    """Return the conversions in file order; blank lines are passed over.

    Raises:
        FileNotFoundError: there is no such list.
        ValueError: a column is missing or unknown, a line has another number of fields, a
            needed field is empty, a name cannot be a file's or stands twice, a file is not
            there, or no line is left; list and line are named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such list; write one, or run the data stage")
    header, *lines = path.read_text(encoding="utf-8-sig").splitlines() or [""]
    columns = header.split("\t")
    _check_columns(path, columns)
    conversions: dict[str, ListedConversion] = {}
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        values = [value.strip() for value in line.split("\t")]
        if len(values) != len(columns):
            raise ValueError(
                f"{path}:{number}: {len(values)} fields, the first line names {len(columns)}"
            )
        conversion = ListedConversion(**dict(zip(columns, values, strict=True)))
        _check(f"{path}:{number}", conversion)
        if conversion.name in conversions:
            raise ValueError(f"{path}:{number}: {conversion.name} stands twice; rename one")
        conversions[conversion.name] = conversion
    if not conversions:
        raise ValueError(f"{path}: lists nothing; add a line for each conversion")
    return list(conversions.values())


def _check_columns(path: Path, columns: list[str]) -> None:
    """Raise ValueError unless the first line names the columns."""
    faults = [
        *(f"{n!r:.80} is unknown or twice there" for n in columns if n not in COLUMNS),
        *(f"{n!r:.80} is unknown or twice there" for n in columns if columns.count(n) > 1),
        *(f"{n!r} is missing" for n in REQUIRED if n not in columns),
    ]
    if faults:
        raise ValueError(
            f"{path}:1: column {faults[0]}; the first line is {', '.join(REQUIRED)} and, if "
            "wanted, speaker, text, with tabs"
        )


def _check(place: str, conversion: ListedConversion) -> None:
    """Raise ValueError for a field that is empty or wrong, or a file that is not there."""
    for name in REQUIRED:
        if not getattr(conversion, name):
            raise ValueError(f"{place}: {name} is empty; fill it in")
    if not _NAME.fullmatch(conversion.name):
        raise ValueError(
            f"{place}: the name {conversion.name!r:.80} becomes a file's; use letters, digits,"
            " dot, dash and underscore"
        )
    for file in conversion.files:
        if not Path(file).is_file():
            raise ValueError(f"{place}: {conversion.name}: {file}: no such file; correct the path")
