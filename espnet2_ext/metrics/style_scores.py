"""Score transfers of style, which have no true target: against the reference and the source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.conversion_list import ListedConversion
from espnet2_ext.metrics.contour_correlation import contour_correlation
from espnet2_ext.metrics.measure_files import MeasureJob
from espnet2_ext.metrics.style_measures import Difference, StyleMeasures
from espnet2_ext.metrics.unit_error_rate import unit_error_rate

ZERO_EFFORT = "zero effort"
CONVERTED = "converted"
OTHER_REFERENCE = "other reference"
RESYNTHESIS = "resynthesis"
ROWS = (ZERO_EFFORT, CONVERTED, OTHER_REFERENCE, RESYNTHESIS)


@dataclass(frozen=True)
class StyleScore:
    """One line of ``scores.tsv``; None where a row has no such score.

    Attributes:
        row: one of ROWS.
        name: of the conversion.
        condition: kind of transfer.
        to_reference: how far from the reference.
        from_source: how far from the source.
        contour_correlation: with the reference's F0 contour.
        unit_error_rate: against the source's units.
        unvoiced: 1 if it has no voiced frame, else 0.
        cut: 1 if the model found no end, else 0; of conversions only.
        source: recording whose words are said.
        reference: recording whose prosody is taken.
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
    """Return every file that ``score_style`` needs measured.

    Args:
        conversions: the list.
        wavs: of the conversions by name.
    """
    jobs = [MeasureJob(wavs[each.name]) for each in conversions]
    for each in conversions:
        for wav in (each.source, each.prosody):
            jobs += [MeasureJob(wav), MeasureJob(wav, resynthesised=True)]
    return jobs


def score_style(
    conversions: Sequence[ListedConversion],
    wavs: Mapping[str, str],
    cut: Mapping[str, bool],
    measures: Mapping[MeasureJob, StyleMeasures],
) -> list[StyleScore]:
    """Return the scores of every conversion and row, row by row.

    * ``zero effort``: the source left as it is.
    * ``converted``: the conversion.
    * ``other reference``: the conversion beside the reference of the next conversion of its
      condition that has another one; only its contour is compared, which says what two
      contours of this kind have in common by chance.
    * ``resynthesis``: what mel and vocoder alone cost: of the reference for its prosody, of
      the source for its units.

    Args:
        conversions: the list.
        wavs: of the conversions by name.
        cut: whether the model found no end, by name.
        measures: of all files, see ``jobs_of``.

    Raises:
        ValueError: a source or reference has no voiced frame or no units; it is named.
    """
    for each in conversions:
        for role, wav in (("source", each.source), ("reference", each.prosody)):
            measured = measures[MeasureJob(wav)]
            if measured.f0_hz is None or not measured.units:
                raise ValueError(
                    f"{wav}: the {role} of {each.name} has no voiced frame or no units, so "
                    "nothing can be compared with it; take another recording"
                )
    scores = []
    for each in conversions:
        source, reference = (measures[MeasureJob(w)] for w in (each.source, each.prosody))
        converted = measures[MeasureJob(wavs[each.name])]
        scores.append(_compare(ZERO_EFFORT, each, source, source, reference))
        scores.append(
            _compare(CONVERTED, each, converted, source, reference, float(cut[each.name]))
        )
        other = _other_reference(each, conversions)
        if other is not None:
            correlation = contour_correlation(
                converted.contour, measures[MeasureJob(other)].contour
            )
            scores.append(
                StyleScore(
                    OTHER_REFERENCE,
                    each.name,
                    each.condition,
                    contour_correlation=correlation,
                    source=each.source,
                    reference=each.prosody,
                )
            )
        scores.append(_resynthesis(each, measures))
    return sorted(scores, key=lambda score: ROWS.index(score.row))


def _compare(
    row: str,
    conversion: ListedConversion,
    recording: StyleMeasures,
    source: StyleMeasures,
    reference: StyleMeasures,
    cut: float | None = None,
) -> StyleScore:
    return StyleScore(
        row,
        conversion.name,
        conversion.condition,
        Difference.between(recording, reference),
        Difference.between(recording, source),
        contour_correlation(recording.contour, reference.contour),
        unit_error_rate(source.units, recording.units),
        float(recording.f0_hz is None),
        cut,
        conversion.source,
        conversion.prosody,
    )


def _resynthesis(
    conversion: ListedConversion, measures: Mapping[MeasureJob, StyleMeasures]
) -> StyleScore:
    reference = measures[MeasureJob(conversion.prosody)]
    spoken = measures[MeasureJob(conversion.prosody, True)]
    source_units = measures[MeasureJob(conversion.source)].units
    return StyleScore(
        RESYNTHESIS,
        conversion.name,
        conversion.condition,
        Difference.between(spoken, reference),
        None,
        contour_correlation(spoken.contour, reference.contour),
        unit_error_rate(source_units, measures[MeasureJob(conversion.source, True)].units),
        float(spoken.f0_hz is None),
        source=conversion.source,
        reference=conversion.prosody,
    )


def _other_reference(
    conversion: ListedConversion, conversions: Sequence[ListedConversion]
) -> str | None:
    """Return the next other reference of the condition, round the list; None for none."""
    same = [each for each in conversions if each.condition == conversion.condition]
    place = same.index(conversion)
    after = [each.prosody for each in (*same[place + 1 :], *same[:place])]
    return next((prosody for prosody in after if prosody != conversion.prosody), None)


_DIFFERENCES = [field.name for field in fields(Difference)]
_LAST = ["contour_correlation", "unit_error_rate", "unvoiced", "cut"]


def write_style_scores(path: str | Path, scores: Sequence[StyleScore]) -> None:
    """Write a header and a line a score; None is an empty field."""
    groups = ("to_reference", "from_source")
    columns = [f"{group}_{name}" for group in groups for name in _DIFFERENCES]
    with atomic_open(path) as stream:
        stream.write("\t".join(["row", "name", "condition", *columns, *_LAST]) + "\n")
        for score in scores:
            values = [
                getattr(getattr(score, group), name, None)
                for group in groups
                for name in _DIFFERENCES
            ]
            values += [getattr(score, name) for name in _LAST]
            cells = ["" if value is None else f"{value:.6g}" for value in values]
            stream.write("\t".join([score.row, score.name, score.condition, *cells]) + "\n")
