"""Rows of tries of the prosody path, one json a line, and the page that is made of them.

A row has ``try seed corpus``, what made it, and figures: ``training``, ``sets`` (by what is
converted), ``probes`` (by vectors) and ``voice``, each by the columns below.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet2_ext.data.parallel import atomic_open

SETS = ("same voice", "other voice", "unseen speakers")
NOT_RUN = "not run"
CONSTANT = "all the same"
BASELINES = "baselines"
"""Name of the row of figures that need no model."""
Figure = float | str
Row = Mapping[str, Any]
Columns = dict[str, tuple[int, str]]
"""Decimals and definition by name."""

SET_COLUMNS: Columns = {
    "pairs": (0, "conversions in the set"),
    "F0-mean error, DIO (%)": (1, "mean |difference of mean F0| to the target; 100 without pitch"),
    "F0-mean error, Praat (%)": (1, "the same by Praat's autocorrelation in two passes; median"),
    "no pitch, DIO": (1, "conversions without a voiced frame"),
    "no pitch, Praat": (1, "the same by Praat"),
    "F0 range": (2, "std of log F0 over voiced frames by DIO, converted over target; median"),
    "UER": (3, "unit error rate against the source's units; mean"),
    "UER of the target": (3, "the same of the ground-truth target"),
    "duration error (%)": (1, "|difference in length| to the target; mean"),
    "source's duration error (%)": (1, "the same of the source, unconverted"),
    "energy error (dB)": (2, "|difference in level| to the target; mean"),
    "source's energy error (dB)": (2, "the same of the source, unconverted"),
    "MCD (dB)": (2, "mel-cepstral distortion to the target along the path of DTW; mean"),
    "emotion (%)": (1, "conversions that the evaluation model gives the target's emotion"),
    "target's emotion (%)": (1, "the same of the ground-truth targets"),
}
PROBE_COLUMNS: Columns = {
    "emotion probe, seen (%)": (1, "as in RESULTS.md, of the voices trained on; should be high"),
    "emotion probe, unseen (%)": (1, "the same of other voices"),
    "speaker probe, seen (%)": (1, "as in RESULTS.md, of the voices trained on; should be low"),
    "speaker probe, unseen (%)": (1, "the same of other voices"),
}
VOICE_COLUMNS: Columns = {
    "nearer to the source (%)": (
        1,
        "conversions with another voice's reference that Resemblyzer has nearer to the source's "
        "voice than to the reference's; a voice is the mean of its recordings but for source and "
        "target",
    ),
    "nearest to the source (%)": (1, "nearer to the source's voice than to any other of the set"),
    "target nearer to the source (%)": (1, "the same of the ground-truth targets: a ceiling"),
    "target nearest to the source (%)": (1, "the same of the ground-truth targets: a ceiling"),
}
TRAINING_COLUMNS: Columns = {
    "updates": (0, "of the weights that are evaluated"),
    "batch": (0, "utterances an update"),
    "mel loss": (
        3,
        "of validation, true mels fed; an explicit path is also given true pitch, level and "
        "durations, so compare within a path",
    ),
}


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a table, none if it is missing; ValueError names a line that is none."""
    rows = []
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
            _key(rows[-1])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}:{number}: not a row of this table ({error!r})") from error
    return rows


def _key(row: Row) -> tuple[str, int, str]:
    return row["try"], row["seed"], row["corpus"]


def put_row(path: Path, row: Row) -> None:
    """Add a row to a table; one of the same try, seed and corpus is replaced in its place."""
    rows = {_key(each): each for each in [*read_rows(path), row]}
    with atomic_open(path) as stream:
        stream.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in rows.values())


def render(rows: Sequence[Row], command: str) -> str:
    """Return the page: for each corpus tables of trainings, sets, probes and voices."""
    lines = [
        "# The prosody path, tried",
        "",
        f"<!-- Made by `{command}`; do not edit. -->",
        "",
        "Mean ± standard deviation over the n seeds of a try. Conversions have no mel error, for "
        "they differ from the target in length: MCD stands for it. Figures relative to the "
        "speaker are less the mean of the speaker's other utterances of the set, which puts what "
        "a probe is tested on opposite to what it was trained on: a speaker probe below chance is "
        "that and does not say that the voice is gone. Vectors 'all the same' are rounded to one.",
        "",
    ]
    for corpus in dict.fromkeys(row["corpus"] for row in rows):
        tries: dict[str, list[Row]] = {}
        for row in rows:
            if row["corpus"] == corpus:
                tries.setdefault(row["try"], []).append(row)
        models = {name: each for name, each in tries.items() if name != BASELINES}
        trained = {name: [row["training"] for row in each] for name, each in models.items()}
        made_of = {name: _made_of(each) for name, each in models.items()}
        lines += [f"## {corpus}", "", *_table("try", trained, TRAINING_COLUMNS, made_of)]
        for part in SETS:
            of_set = {name: [row["sets"][part] for row in each] for name, each in models.items()}
            lines += [f"### {part}", "", *_table("try", of_set, SET_COLUMNS)]
        probes = {
            f"{name}: {vectors}": [row["probes"][vectors] for row in each]
            for name, each in tries.items()
            for vectors in each[0]["probes"]
        }
        lines += ["### what vectors say", "", *_table("try: vectors", probes, PROBE_COLUMNS)]
        voices = {name: [row["voice"] for row in each] for name, each in models.items()}
        lines += ["### voice", "", *_table("try", voices, VOICE_COLUMNS)]
    columns = SET_COLUMNS | PROBE_COLUMNS | VOICE_COLUMNS | TRAINING_COLUMNS
    lines += ["## Columns", "", *(f"- **{name}**: {each[1]}." for name, each in columns.items())]
    return "\n".join([*lines, ""])


def _made_of(rows: Iterable[Row]) -> dict[str, str]:
    """Return commits of the runs and of the measuring code, and environments, each once."""
    found: dict[str, dict[str, None]] = {"scored at": {}, "measured at": {}, "environment": {}}
    for row in rows:
        facts = ", ".join(f"{name} {value}" for name, value in row["environment"].items())
        for name, value in zip(found, (row["commit"], row["measured at"], facts), strict=True):
            found[name][value] = None
    return {name: "; ".join(values) for name, values in found.items()}


def _table(
    first: str,
    rows: Mapping[str, Sequence[Mapping[str, Figure]]],
    columns: Columns,
    texts: Mapping[str, Mapping[str, str]] | None = None,
) -> list[str]:
    """Return a line for each name: figures over seeds, then texts."""
    more = next(iter(texts.values()), {}) if texts else {}
    header = [first, "n", *columns, *more]
    lines = [_line(header), "|---" + "|---:" * (len(header) - 1) + "|"]
    for name, seeds in rows.items():
        figures = [
            cell([each[column] for each in seeds], decimals)
            for column, (decimals, _) in columns.items()
        ]
        lines.append(
            _line([name, str(len(seeds)), *figures, *(texts or {name: {}})[name].values()])
        )
    return [*lines, ""]


def cell(values: Sequence[Figure], decimals: int) -> str:
    """Return mean ± standard deviation over seeds; those that say a text count only if all do."""
    numbers = [value for value in values if not isinstance(value, str)]
    if not numbers:
        return str(values[0])
    text = f"{statistics.fmean(numbers):.{decimals}f}"
    if len(numbers) < 2 or decimals == 0:
        return text
    return f"{text} ± {statistics.stdev(numbers):.{decimals}f}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"
