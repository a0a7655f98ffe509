"""Score conversions against the true target and the source's units."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from espnet2_ext.metrics.conversion_pairs import (
    ConversionPair,
    ConversionSet,
    read_conversion_set,
)
from espnet2_ext.metrics.duration import percent_error
from espnet2_ext.metrics.heard import Listen, hearing_fields, own_fields
from espnet2_ext.metrics.measure_files import MeasureJob, measure_files
from espnet2_ext.metrics.measures import Measures
from espnet2_ext.metrics.pair_score import PairScore, write_scores
from espnet2_ext.metrics.spectral_errors import SpectralErrors, compare_tracks
from espnet2_ext.metrics.unit_error_rate import unit_error_rate

ZERO_EFFORT = "zero effort"
RESYNTHESIS = "resynthesis"
TRUE_TARGET = "true target"
WRONG_SENTENCE = "wrong sentence"
Comparison = tuple[MeasureJob, MeasureJob]
"""What is compared, and the target."""

RowFields = tuple[MeasureJob | None, Sequence[int] | None, Mapping[str, float | None]]
"""What is compared to the target, the units compared to the source's, further fields."""

REFERENCE_ROWS = (ZERO_EFFORT, RESYNTHESIS, TRUE_TARGET, WRONG_SENTENCE)
SCORES = "scores.tsv"


def score_conversions(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    centroids_path: str | Path,
    *,
    unit_tag: str,
    row_name: str = "converted",
    with_reference_rows: bool = True,
    vocoder: str = "griffin_lim",
    f0_method: str = "dio",
    listen: Listen | None = None,
    texts: Mapping[str, str] | None = None,
    num_workers: int = 1,
    device: str = "cpu",
) -> list[PairScore]:
    """Return the scores of every pair and row, and write them to ``scores.tsv``.

    Rows, each over all pairs:

    * ``zero effort``: the source left as it is. Its unit error rate, units of its audio
      against the table of units, is 0 unless the two were made differently.
    * ``resynthesis``: what analysis and vocoder alone cost. Units: the source through
      the vocoder; everything else: the target through the vocoder.
    * ``true target``: units of the target, which says the same words; what the units
      themselves change with emotion.
    * ``wrong sentence``: units of another sentence of the voice; what no content gives.
    * ``row_name``: the conversions.

    Args:
        inference_dir: see ``read_conversion_set``; also gets ``scores.tsv``.
        data_dir: see there.
        pairs_dir: see there.
        centroids_path: with which the units were made.
        unit_tag: which ``units_<tag>``.
        row_name: row of the conversions.
        with_reference_rows: False gives the conversions alone.
        vocoder: of resynthesis; the one the conversions were made with.
        f0_method: see ``f0_contour``.
        listen: asks models, see ``Heard``; None asks none.
        texts: what sources and targets say; needed where ``listen`` hears words.
        num_workers: processes.
        device: of the upstream and of a HiFi-GAN.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: tables disagree, an audio file is bad, or a target has no voiced
            frame; the message names it.
    """
    if row_name in REFERENCE_ROWS:
        raise ValueError(f"row_name {row_name!r} is taken; call the conversions something else")
    conversions = read_conversion_set(inference_dir, data_dir, pairs_dir, unit_tag)
    conversions = replace(conversions, texts=texts or {})
    measures = measure_files(
        _jobs(conversions, with_reference_rows),
        centroids_path=centroids_path,
        vocoder=vocoder,
        f0_method=f0_method,
        listen=listen,
        num_workers=num_workers,
        device=device,
    )
    _refuse_unvoiced_targets(conversions, measures)
    comparisons = _comparisons(conversions, with_reference_rows)
    tracks = [(measures[job].tracks, measures[target].tracks) for job, target in comparisons]
    spectral = dict(zip(comparisons, compare_tracks(tracks, num_workers), strict=True))
    scores = [
        score
        for pair in conversions.pairs
        for score in _score_pair(
            pair, conversions, measures, spectral, row_name, with_reference_rows
        )
    ]
    order = (ZERO_EFFORT, row_name, RESYNTHESIS, TRUE_TARGET, WRONG_SENTENCE)
    scores.sort(key=lambda score: order.index(score.row))
    write_scores(Path(inference_dir) / SCORES, scores)
    return scores


def _jobs(conversions: ConversionSet, with_reference_rows: bool) -> list[MeasureJob]:
    """Return every file to measure; those that pairs share stand there repeatedly."""
    jobs = []
    for pair in conversions.pairs:
        source, target = (conversions.wavs[key] for key in (pair.source, pair.target))
        jobs += [MeasureJob(pair.converted_wav), MeasureJob(target)]
        if with_reference_rows:
            jobs += [MeasureJob(source), MeasureJob(source, True), MeasureJob(target, True)]
    return jobs


def _comparisons(conversions: ConversionSet, with_reference_rows: bool) -> list[Comparison]:
    """Return what is compared with which target, each once."""
    comparisons: dict[Comparison, None] = {}
    for pair in conversions.pairs:
        source, target = (conversions.wavs[key] for key in (pair.source, pair.target))
        jobs = [MeasureJob(pair.converted_wav)]
        if with_reference_rows:
            jobs += [MeasureJob(source), MeasureJob(target, True)]
        comparisons.update(((job, MeasureJob(target)), None) for job in jobs)
    return list(comparisons)


def _refuse_unvoiced_targets(
    conversions: ConversionSet, measures: dict[MeasureJob, Measures]
) -> None:
    """Raise ValueError for a target that no F0 can be compared with."""
    for pair in conversions.pairs:
        target = conversions.wavs[pair.target]
        true = measures[MeasureJob(target)]
        track = true.tracks["paper"]
        assert track.f0_hz is not None
        if true.f0_hz is None or not (track.f0_hz[track.is_speech] > 0.0).any():
            raise ValueError(
                f"{target}: nothing is voiced in the target of {pair.pair_id}; "
                "take the pair out of the list"
            )


def _score_pair(
    pair: ConversionPair,
    conversions: ConversionSet,
    measures: dict[MeasureJob, Measures],
    spectral: dict[Comparison, SpectralErrors],
    row_name: str,
    with_reference_rows: bool,
) -> list[PairScore]:
    """Return the scores of one pair, a row each."""
    source, target = (conversions.wavs[key] for key in (pair.source, pair.target))
    converted, as_it_is = MeasureJob(pair.converted_wav), MeasureJob(source)
    rows: dict[str, RowFields] = {row_name: (converted, measures[converted].units, pair.attention)}
    if with_reference_rows:
        source_again = measures[MeasureJob(source, True)]
        rows[ZERO_EFFORT] = (as_it_is, measures[as_it_is].units, {})
        rows[RESYNTHESIS] = (MeasureJob(target, True), source_again.units, {})
        itself = measures[MeasureJob(target)].heard
        is_heard = own_fields(itself, itself, pair.emotion, conversions.texts.get(pair.target))
        rows[TRUE_TARGET] = (None, conversions.units[pair.target], is_heard)
        if pair.wrong is not None:
            rows[WRONG_SENTENCE] = (None, conversions.units[pair.wrong], {})

    def errors(job: MeasureJob) -> dict[str, float | None]:
        true = MeasureJob(target)
        text = conversions.texts.get(pair.target if job.wav == target else pair.source)
        heard = hearing_fields(measures[job].heard, measures[true].heard, pair.emotion, text)
        return _errors(measures[job], measures[true]) | asdict(spectral[job, true]) | heard

    return [
        PairScore(
            row,
            pair.pair_id,
            pair.condition,
            pair.source,
            pair.target,
            pair.speaker,
            pair.sentence,
            unit_error_rate=unit_error_rate(conversions.units[pair.source], units or ()),
            **(errors(job) if job is not None else {}),
            **others,
        )
        for row, (job, units, others) in rows.items()
    ]


def _errors(measured: Measures, target: Measures) -> dict[str, float | None]:
    """Return the fields of a ``PairScore`` that compare an utterance with the target.

    Speech without a voiced frame has an F0 error of 100 %, as if its F0 were 0: leaving
    it out would reward a conversion that is not voiced.
    """
    true_f0_hz = target.f0_hz or 0.0
    return {
        "f0_hz": measured.f0_hz,
        "target_f0_hz": target.f0_hz,
        "f0_error_percent": percent_error(measured.f0_hz or 0.0, true_f0_hz),
        "duration_s": measured.duration_s,
        "target_duration_s": target.duration_s,
        "duration_error_percent": percent_error(measured.duration_s, target.duration_s),
        "level_db": measured.level_db,
        "target_level_db": target.level_db,
        "level_error_db": abs(measured.level_db - target.level_db),
        "f0_std_hz": measured.f0_std_hz,
        "target_f0_std_hz": target.f0_std_hz,
        "f0_std_error_hz": abs((measured.f0_std_hz or 0.0) - (target.f0_std_hz or 0.0)),
    }
