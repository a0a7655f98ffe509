"""Score transfers of style, which have no true target: against the reference and the source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.conversion_list import ListedConversion
from espnet2_ext.data.parallel import atomic_open, parallel_map
from espnet2_ext.metrics.content import unit_error_rate
from espnet2_ext.metrics.conversion import MIN_UNIT_SAMPLES, MeasureJob, load_unit_encoder
from espnet2_ext.metrics.pitch import F0Contour, contour_correlation, f0_contour
from espnet2_ext.metrics.prosody import duration_s, percent_error, speech_level_db

# ---------------------------------------------------------------- style measures
# What is measured of a recording whose style is transferred, and how far two are apart.


@dataclass(frozen=True)
class StyleMeasures:
    """What is measured of one recording.

    Attributes:
        contour: F0 over time.
        duration_s: whole length.
        level_db: of the active frames.
        units: de-duplicated; none where it is too short for any.
    """

    contour: F0Contour
    duration_s: float
    level_db: float
    units: tuple[int, ...]

    @property
    def f0_hz(self) -> float | None:
        """Return mean F0 over voiced frames; None when nothing is voiced."""
        return self.contour.mean_hz

    @property
    def f0_std_hz(self) -> float:
        """Return the deviation of F0 over voiced frames, 0 when nothing is voiced."""
        voiced_hz = self.contour.f0_hz[self.contour.f0_hz > 0.0]
        return float(voiced_hz.std()) if len(voiced_hz) else 0.0

    @property
    def unit_s(self) -> float:
        """Return seconds a unit of its own; the whole length where it has none."""
        return self.duration_s / max(len(self.units), 1)


@dataclass(frozen=True)
class Difference:
    """How far a recording is from another one, by absolute values.

    Attributes:
        f0_percent: mean F0, in percent of the other's; 100 when nothing is voiced.
        f0_std_hz: deviation of F0.
        unit_s_percent: seconds a unit, in percent of the other's.
        length_percent: seconds, in percent of the other's.
        level_db: level.
    """

    f0_percent: float
    f0_std_hz: float
    unit_s_percent: float
    length_percent: float
    level_db: float

    @classmethod
    def between(cls, recording: StyleMeasures, other: StyleMeasures) -> "Difference":
        """Return the difference.

        Raises:
            ValueError: the other has no voiced frame.
        """
        if other.f0_hz is None:
            raise ValueError("nothing can be compared with a recording without a voiced frame")
        f0_hz = recording.f0_hz
        return cls(
            100.0 if f0_hz is None else percent_error(f0_hz, other.f0_hz),
            abs(recording.f0_std_hz - other.f0_std_hz),
            percent_error(recording.unit_s, other.unit_s),
            percent_error(recording.duration_s, other.duration_s),
            abs(recording.level_db - other.level_db),
        )


def measure_waveform(
    waveform: np.ndarray,
    encode_units: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    f0_method: str = "dio",
) -> StyleMeasures:
    """Return the measures of a waveform (N,) at 16 kHz.

    Args:
        waveform: not empty.
        encode_units: from a waveform to units (U,) and run lengths.
        f0_method: see ``f0_contour``.
    """
    is_long_enough = len(waveform) >= MIN_UNIT_SAMPLES
    return StyleMeasures(
        f0_contour(waveform, f0_method),
        duration_s(waveform),
        speech_level_db(waveform),
        tuple(encode_units(waveform)[0].tolist()) if is_long_enough else (),
    )


def measure_recordings(
    jobs: Sequence[MeasureJob],
    *,
    centroids_path: str | Path,
    vocoder: str = "griffin_lim",
    f0_method: str = "dio",
    num_workers: int = 1,
    device: str = "cpu",
) -> dict[MeasureJob, StyleMeasures]:
    """Return the measures of audio files, each measured once.

    Args: see ``measure_files``.

    Raises:
        ValueError: a file cannot be measured; the message names it.
    """
    unique = sorted(set(jobs))
    measured = parallel_map(
        partial(
            _measure_job,
            centroids_path=str(centroids_path),
            vocoder=vocoder,
            f0_method=f0_method,
            device=device,
        ),
        unique,
        description="measure",
        num_workers=num_workers,
        # Torch's threads do not survive a fork.
        start_method="spawn",
    )
    return dict(zip(unique, measured, strict=True))


def _measure_job(
    job: MeasureJob, centroids_path: str, vocoder: str, f0_method: str, device: str
) -> StyleMeasures:
    from espnet2_ext.vocoder import build_vocoder
    from espnet2_ext.vocoder.mel import log_mel

    encoder = load_unit_encoder(centroids_path, device)
    waveform = read_audio(job.wav)  # Its errors name the file.
    try:
        if job.resynthesised:
            waveform = build_vocoder(vocoder, device)(log_mel(waveform))
        return measure_waveform(waveform, encoder.encode, f0_method)
    except ValueError as error:
        raise ValueError(f"{job.wav}: {error}") from error


# ---------------------------------------------------------------- style scores

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
