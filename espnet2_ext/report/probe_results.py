"""Disentanglement as records: what each kind of vector says of emotion, speaker and content.

The title of [P2V] claims disentanglement; the paper does not measure it. A prosody vector
should give emotion away, and neither the voice nor the words. Beside it stand the same
network untrained, which already passes on much, the two other inputs of the decoder, and
chance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from espnet2_ext.metrics.f0 import describe_f0
from espnet2_ext.metrics.probes import INVERSE_PENALTY, RIDGE_PENALTY, ProbeScore
from espnet2_ext.report.probe_scores import (
    CONTENT,
    EMOTION,
    SPEAKER,
    correlation_scores,
    probe_scores,
)
from espnet2_ext.report.probe_set import F0_IN_VOICE, F0_MEAN, F0_RANGE, LEVEL, RATE, ProbeSet
from espnet2_ext.report.results import Record

CHANCE = "chance"

_PROBE = "class-mean accuracy of logistic regression from the vector to the"
_ARROW = "the arrow is what a prosody vector should do."
_PROBES = {
    EMOTION: (
        f"{_PROBE} emotion, of voices not trained on, nor of the sentences that several voices "
        f"say; {_ARROW}",
        "higher",
    ),
    SPEAKER: (f"{_PROBE} speaker, of sentences not trained on; {_ARROW}", "lower"),
    CONTENT: (
        f"{_PROBE} sentence, of voices not trained on; sentences that several voices say only; "
        f"{_ARROW}",
        "lower",
    ),
}
_RIDGE = (
    "Pearson r between what ridge regression reads from the vector, of voices (and shared "
    "sentences) not trained on, both less the mean of the training part, and"
)
_F0 = f"; {describe_f0('dio')}"
_MEASURES = {
    F0_MEAN: (
        f"{_RIDGE} the mean F0 over voiced frames in semitones, which is voice too{_F0}.",
        "",
    ),
    F0_IN_VOICE: (f"{_RIDGE} that mean less its mean over the voice's utterances{_F0}.", "higher"),
    F0_RANGE: (f"{_RIDGE} the 5th to 95th percentile of F0 in semitones{_F0}.", "higher"),
    RATE: (f"{_RIDGE} de-duplicated units a second of audio.", "higher"),
    LEVEL: (f"{_RIDGE} the power of the active frames in dB.", "higher"),
}
"""Column: definition, which is better."""


@dataclass(frozen=True)
class _Cell:
    """A value, its unit, utterances it stands for, ends of its interval and what that draws."""

    value: float
    unit: str
    n: int
    low: float | None = None
    high: float | None = None
    drawn: str = ""


def probe_records(
    sets: Sequence[ProbeSet],
    protocols: Mapping[str, str],
    *,
    table: str,
    correlation_table: str,
    commit: str,
    seed: int = 0,
) -> list[Record]:
    """Return the records of both tables; a row is called ``<data directory>: <vectors>``.

    A column that the labels of a directory do not allow is left out of its rows, and the
    protocol says why.

    Args:
        sets: data directories, in this order.
        protocols: of each by its name: model, data; settings of the probes are added.
        table: title of the probes of emotion, speaker and content.
        correlation_table: title of the correlations with pitch, tempo and level.
        commit: of the code.
        seed: of the folds.

    Raises:
        ValueError: a vector is not finite.
    """
    records: list[Record] = []
    for data in sets:
        probes = probe_scores(data, seed)
        protocol = "; ".join([protocols[data.name], *probes.notes, _probe_settings(seed)])
        for name, scores in probes.scores.items():
            cells = [(kind, _accuracy(score)) for kind, score in scores.items()]
            cells.append((CHANCE, _chance(next(iter(scores.values())))))
            records += _column(data, name, cells, _PROBES[name], table, protocol, commit)
        found = correlation_scores(data, seed)
        protocol = "; ".join([protocols[data.name], *found.notes, _ridge_settings(seed)])
        for name, correlations in found.scores.items():
            cells = [(k, _Cell(round(c.pearson_r, 6), "", c.n)) for k, c in correlations.items()]
            title, text = _correlation_title(name), _MEASURES[name]
            records += _column(data, title, cells, text, correlation_table, protocol, commit)
    # Column by column, so that columns appear in this order whichever directory lacks one.
    order = [*_PROBES, *map(_correlation_title, _MEASURES)]
    return sorted(records, key=lambda record: order.index(record.metric))


def records_text(records: Sequence[Record]) -> str:
    """Return the records of both tables as lines of text, one a row, for a terminal."""
    tables: dict[str, dict[str, list[str]]] = {}
    for record in records:
        value = f"{record.value:.1f} %" if record.unit == "%" else f"{record.value:+.2f}"
        cells = tables.setdefault(record.table, {}).setdefault(record.row, [])
        cells.append(f"{record.metric} {value}")
    lines = []
    for table, rows in tables.items():
        width = max(map(len, rows))
        lines += [table, *(f"  {row:<{width}}  {', '.join(cells)}" for row, cells in rows.items())]
    return "\n".join(lines)


def _accuracy(score: ProbeScore) -> _Cell:
    percent = [round(100.0 * value, 6) for value in (score.accuracy, score.low, score.high)]
    return _Cell(percent[0], "%", score.n, percent[1], percent[2], score.drawn)


def _chance(score: ProbeScore) -> _Cell:
    return _Cell(round(100.0 * score.chance, 6), "%", score.n)


def _column(
    data: ProbeSet,
    metric: str,
    cells: Iterable[tuple[str, _Cell]],
    text: tuple[str, str],
    table: str,
    protocol: str,
    commit: str,
) -> list[Record]:
    """Return one record for each kind of vectors; ``text`` is definition and better."""
    return [
        Record(
            table=table,
            row=f"{data.name}: {kind}",
            metric=metric,
            value=cell.value,
            unit=cell.unit,
            n=cell.n,
            definition=text[0],
            protocol=protocol,
            commit=commit,
            low=cell.low,
            high=cell.high,
            better=text[1],
            drawn=cell.drawn,
        )
        for kind, cell in cells
    ]


def _correlation_title(name: str) -> str:
    return f"{name} (r)"


def _probe_settings(seed: int) -> str:
    return (
        f"logistic regression on standardised vectors, C = {INVERSE_PENALTY:g}, classes "
        f"balanced, seed {seed}"
    )


def _ridge_settings(seed: int) -> str:
    return f"ridge regression on standardised vectors, alpha = {RIDGE_PENALTY:g}, seed {seed}"
