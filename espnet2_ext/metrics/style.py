"""Score style transfers, which have no ground-truth target, against reference and source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from espnet2_ext.data.conversion_list import ListedConversion
from espnet2_ext.metrics.content import unit_error_rate
from espnet2_ext.metrics.conversion import (
    COPY_SYNTHESIS,
    SOURCE,
    MeasureJob,
    Measures,
    write_rows,
)
from espnet2_ext.metrics.pitch import contour_correlation
from espnet2_ext.metrics.prosody import percent_error

CONVERTED = "converted"
OTHER_REFERENCE = "other reference"
ROWS = (SOURCE, CONVERTED, OTHER_REFERENCE, COPY_SYNTHESIS)


@dataclass(frozen=True)
class Difference:
    """Absolute differences of two recordings.

    ``..._percent`` are relative to the other's mean F0, seconds per unit, or seconds. Without
    voiced frames ``f0_percent`` is 100 and the deviation of F0 counts as 0.
    """

    f0_percent: float
    f0_std_hz: float
    unit_s_percent: float
    length_percent: float
    level_db: float

    @classmethod
    def between(cls, recording: Measures, other: Measures) -> "Difference":
        """Return the difference to another, which has voiced frames."""
        return cls(
            percent_error(recording.f0_mean_hz or 0.0, other.f0_mean_hz or 0.0),
            abs((recording.f0_std_hz or 0.0) - (other.f0_std_hz or 0.0)),
            percent_error(recording.unit_s, other.unit_s),
            percent_error(recording.duration_s, other.duration_s),
            abs(recording.level_db - other.level_db),
        )


@dataclass(frozen=True)
class StyleScore:
    """One line of ``scores.tsv``; None where a row has no such score.

    ``row`` is one of `ROWS`, ``condition`` the kind of transfer. The unit error rate is against the
    source's units. ``unvoiced`` is 1 without voiced frames, ``cut`` 1 if the model found no end.
    """

    row: str
    name: str
    condition: str
    to_reference: Difference | None = None
    from_source: Difference | None = None
    contour_correlation: float | None = None
    unit_error_rate: float | None = None
    unvoiced: float | None = None
    cut: float | None = None
    source: str = ""
    reference: str = ""


def jobs_of(conversions: Sequence[ListedConversion], wavs: Mapping[str, str]) -> list[MeasureJob]:
    """Return every file that `score_style` needs measured; ``wavs`` by name of conversion."""
    jobs = [MeasureJob(wavs[each.name]) for each in conversions]
    for each in conversions:
        for wav in (each.source, each.prosody):
            jobs += [MeasureJob(wav), MeasureJob(wav, resynthesised=True)]
    return jobs


def score_style(
    conversions: Sequence[ListedConversion],
    wavs: Mapping[str, str],
    cut: Mapping[str, bool],
    measures: Mapping[MeasureJob, Measures],
) -> list[StyleScore]:
    """Return the scores of every conversion and row, row by row.

    * ``source (unconverted)`` and ``converted``: the source and the conversion.
    * ``other reference``: contour correlation of the conversion with the next other reference
      of its condition: what two contours of this kind have in common by chance.
    * ``copy synthesis``: the loss by mel and vocoder alone: prosody of the reference, units of the
      source.

    ``wavs`` and ``cut`` are by name of the conversion, ``measures`` by file, see `jobs_of`. A
    source or reference without voiced frames or units raises ValueError with its path.
    """
    for each in conversions:
        for role, wav in (("source", each.source), ("reference", each.prosody)):
            measured = measures[MeasureJob(wav)]
            if measured.f0_mean_hz is None or not measured.units:
                raise ValueError(
                    f"{wav}: the {role} of {each.name} has no voiced frame or no units, so "
                    "nothing can be compared with it; take another recording"
                )
    scores = []
    for each in conversions:
        source, reference = (measures[MeasureJob(w)] for w in (each.source, each.prosody))
        converted = measures[MeasureJob(wavs[each.name])]
        spoken, spoken_source = (measures[MeasureJob(w, True)] for w in (each.prosody, each.source))
        score = partial(
            StyleScore,
            name=each.name,
            condition=each.condition,
            source=each.source,
            reference=each.prosody,
        )
        for row, recording, origin, units, is_cut in (
            (SOURCE, source, source, source.units, None),
            (CONVERTED, converted, source, converted.units, float(cut[each.name])),
            (COPY_SYNTHESIS, spoken, None, spoken_source.units, None),
        ):
            scores.append(
                score(
                    row,
                    to_reference=Difference.between(recording, reference),
                    from_source=None if origin is None else Difference.between(recording, origin),
                    contour_correlation=contour_correlation(recording.contour, reference.contour),
                    unit_error_rate=unit_error_rate(source.units, units),
                    unvoiced=float(recording.f0_mean_hz is None),
                    cut=is_cut,
                )
            )
        other = _other_reference(each, conversions)
        if other is not None:
            contour = measures[MeasureJob(other)].contour
            correlation = contour_correlation(converted.contour, contour)
            scores.append(score(OTHER_REFERENCE, contour_correlation=correlation))
    return sorted(scores, key=lambda score: ROWS.index(score.row))


def _other_reference(
    conversion: ListedConversion, conversions: Sequence[ListedConversion]
) -> str | None:
    """Return the next other reference of the condition, round the list; None for none."""
    same = [each for each in conversions if each.condition == conversion.condition]
    place = same.index(conversion)
    after = [each.prosody for each in (*same[place + 1 :], *same[:place])]
    return next((prosody for prosody in after if prosody != conversion.prosody), None)


def write_style_scores(path: str | Path, scores: Sequence[StyleScore]) -> None:
    """Write a header and a line per score; None is an empty field."""
    places = [(name, "") for name in ("row", "name", "condition")]
    for group in ("to_reference", "from_source"):
        places += [(group, field.name) for field in fields(Difference)]
    last = ("contour_correlation", "unit_error_rate", "unvoiced", "cut")
    places += [(name, "") for name in last]
    header = [f"{name}_{part}" if part else name for name, part in places]
    rows = [
        [getattr(getattr(s, n), part, None) if part else getattr(s, n) for n, part in places]
        for s in scores
    ]
    write_rows(path, header, rows)
