"""``RESULTS.md`` from ``results.jsonl`` and from nothing else."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.report.records import PATH, TEXT, Record, read_records

ARROWS = {"lower": " ↓", "higher": " ↑", "": ""}
DECIMALS = {"%": 1, "dB": 1, "Hz": 1, "share": 3, "count": 0}
"""Digits behind the point by unit; 3 for any other."""
MISSING = "–"
IMAGE_SUFFIXES = (".png", ".svg")


def render_results(results_path: str | Path, out_path: str | Path) -> None:
    """Write a markdown page: environment, score tables, definitions, then figures."""
    results_path, out_path = Path(results_path), Path(out_path)
    if not results_path.is_file():
        raise FileNotFoundError(f"{results_path}: no results yet; run the scoring stage")
    tables = _groups(read_records(results_path), lambda record: record.table)
    shift = os.path.relpath(results_path.resolve().parent, out_path.resolve().parent)
    texts, scores, figures = [], [], []
    for records in tables:
        # Tables hold one kind of record; the unit of the first says which.
        title, unit = records[0].table, records[0].unit
        if unit == TEXT:
            texts.append(_section(title, [f"- {r.row}: `{r.value}`" for r in records]))
        elif unit == PATH:
            shown = [_figure(group, shift) for group in _groups(records, lambda r: r.row)]
            figures.append(_section(title, ["\n\n".join(shown)]))
        else:
            scores.append(_section(title, _score_table(records)))
    if scores:
        everything = [record for records in tables for record in records]
        scores.append(_section("Definitions", _definitions(everything)))
    with atomic_open(out_path) as stream:
        stream.write(f"# RESULTS\n\n<!-- Rendered from {results_path.name}; do not edit. -->\n\n")
        stream.write("\n".join(texts + scores + figures))


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *lines, ""])


def _groups(records: list[Record], key: Callable[[Record], object]) -> list[list[Record]]:
    """Return the records of each key, in order of first appearance."""
    groups: dict[object, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return list(groups.values())


def _figure(records: list[Record], shift: str) -> str:
    """Return the files of one row: images, then links to the rest."""
    images, links = [], []
    for record in records:
        target = Path(shift, str(record.value)).as_posix().replace(" ", "%20")
        if str(record.value).endswith(IMAGE_SUFFIXES):
            images.append(f"![{record.metric} of {record.row}]({target})")
        else:
            links.append(f"[{record.metric}]({target})")
    caption = next((record.definition for record in records if record.definition), "")
    listen = f"Listen: {' · '.join(links)}" if links else ""
    lines = [f"### {records[0].row}", caption, *images, listen]
    return "\n\n".join(line for line in lines if line)


def _score_table(records: list[Record]) -> list[str]:
    """Return the lines of rows by metrics, with protocols and commits beneath."""
    metrics = list(dict.fromkeys(record.metric for record in records))
    protocols = list(dict.fromkeys(record.protocol for record in records))
    by_metric = {record.metric: record for record in records}
    header = ["", "n", *(_metric_title(by_metric[metric]) for metric in metrics)]

    def row(group: list[Record]) -> str:
        mark = f" ({protocols.index(group[0].protocol) + 1})" if len(protocols) > 1 else ""
        cells = {record.metric: record for record in group}
        most = max((record.n for record in group if record.n is not None), default=None)
        values = [_cell(cells[metric], most) if metric in cells else MISSING for metric in metrics]
        return _line([group[0].row + mark, MISSING if most is None else str(most), *values])

    lines = [_line(header), "|---|" + "---:|" * (len(header) - 1)]
    lines += map(row, _groups(records, lambda record: (record.row, record.protocol)))
    for number, protocol in enumerate(protocols, start=1):
        drawn = _drawn([record for record in records if record.protocol == protocol])
        intervals = f" 95 % intervals over {drawn}." if drawn else ""
        if protocol or intervals:
            mark = f"({number}) " if len(protocols) > 1 else ""
            lines += ["", f"{mark}Protocol: {protocol}.{intervals}"]
    for what, texts in (
        ("Code", dict.fromkeys(record.commit for record in records)),
        ("From", dict.fromkeys(record.source for record in records)),
    ):
        if found := ", ".join(filter(None, texts)):
            lines += ["", f"{what}: {found}."]
    return lines


def _drawn(records: Sequence[Record]) -> str:
    """Return what intervals are drawn over, with columns or else rows where these differ."""
    drawn = list(dict.fromkeys(record.drawn for record in records if record.drawn))
    if len(drawn) < 2:
        return "".join(drawn)
    for key in (lambda record: record.metric, lambda record: record.row):
        names = {
            text: dict.fromkeys(key(record) for record in records if record.drawn == text)
            for text in drawn
        }
        if sum(map(len, names.values())) == len(set().union(*names.values())):
            return "; ".join(f"{text} ({', '.join(names[text])})" for text in drawn)
    return "; ".join(drawn)


def _line(cells: Sequence[str]) -> str:
    """Return a line of a markdown table; a bar inside a cell would end it."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _definitions(records: Sequence[Record]) -> list[str]:
    lines = [
        "n: utterances (in listening tests, answers) that a value stands for."
        " ↓ lower is better, ↑ higher is better."
    ]
    if any(record.low is not None for record in records):
        lines.append(
            "In brackets: 95 % interval of the mean, percentile bootstrap. What is drawn with"
            " replacement stands beneath the table, speakers and sentences each for itself"
            " (pigeonhole bootstrap), sentences of one speaker alone within that speaker; of few"
            " speakers intervals are still rather too narrow."
        )
        if any(record.low is not None and not record.drawn for record in records):
            lines[-1] += (
                " Where neither that nor the definition says what was drawn, the figures are of an"
                " older version, which drew utterances as if they were independent."
            )
    scores = [record for record in records if record.unit not in (TEXT, PATH)]
    definitions = dict.fromkeys((r.metric, r.definition) for r in scores if r.definition)
    return [*lines, "", *(f"- *{metric}*: {text}" for metric, text in definitions)]


def _metric_title(record: Record) -> str:
    unit = f" ({record.unit})" if record.unit in ("%", "dB", "Hz") else ""
    return f"{record.metric}{ARROWS[record.better]}{unit}"


def _cell(record: Record, row_n: int | None) -> str:
    """Return value and interval; n too where it is not that of the row."""
    digits = DECIMALS.get(record.unit, 3)
    text = str(record.value) if isinstance(record.value, str) else f"{record.value:.{digits}f}"
    if record.low is not None and record.high is not None and record.low < record.high:
        text += f" [{record.low:.{digits}f}, {record.high:.{digits}f}]"
    return text if record.n in (row_n, None) else f"{text} (n = {record.n})"
