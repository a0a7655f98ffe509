"""How good are conversions: the columns of their tables, examples, and scales of intensity."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import yaml

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.pairs import PAIRS, SCALE, read_pairs
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_table
from espnet2_ext.metrics.conversion import (
    RESYNTHESIS,
    TRUE_TARGET,
    WRONG_SENTENCE,
    PairScore,
    crossing,
    score_conversions,
)
from espnet2_ext.metrics.conversion import SCORES as PAIR_SCORES
from espnet2_ext.metrics.pitch import describe_f0
from espnet2_ext.metrics.prosody import ProsodyMeasures, Trend, measure_prosody, trend
from espnet2_ext.metrics.statistics import Crossing, read_speakers_and_sentences
from espnet2_ext.prosody2vec.decoding import SamplingSchedule
from espnet2_ext.report.figures import (
    MelPanel,
    mel_figure,
    read_curves,
    save_figure,
    training_figure,
)
from espnet2_ext.report.judges import Judges
from espnet2_ext.report.published import add_published
from espnet2_ext.report.records import (
    Column,
    Record,
    Row,
    append_records,
    environment_records,
    file_record,
    git_commit,
    records_of,
    relative_path,
)
from espnet2_ext.training.attention_figure import attention_figure
from espnet2_ext.vocoder.vocode import write_waveform

# ---------------------------------------------------------------- conversion metrics
# The columns of a table of conversions, each with its definition.

F0_ANALYSIS = describe_f0("dio")
"""Of MCD and F0-RMSE, whichever method the means of F0 are by."""
PAPER_ANALYSIS = (
    f"WORLD envelope every 5 ms by CheapTrick, mel-cepstrum of order 24, alpha 0.41, c0 left "
    f"out, no deltas; {F0_ANALYSIS}"
)
PAPER_PATH = (
    "exact DTW without weights or slope limits over the frames above -20 dB of the mean power "
    "of each utterance"
)
_F0_RMSE_FRAME_BY_FRAME = (
    "[P2V] Eq. 6: entire utterance, voiced and unvoiced frames, frame by frame from the start "
    "without alignment"
)
_F0_RMSE_COMMON = (
    f"unvoiced frames are 0 Hz; {F0_ANALYSIS}, which the paper does not state; root mean square "
    "error of each pair, then the mean over pairs."
)


def _is_unvoiced(score: PairScore) -> float | None:
    if score.f0_error_percent is None:
        return None
    return float(score.f0_hz is None)


def conversion_metrics(f0_method: str = "dio") -> tuple[Column[PairScore], ...]:
    """Return the columns of a table of conversions in their order.

    Args:
        f0_method: by which mean and deviation of F0 were measured, see ``f0_contour``; the
            other columns that need F0 are always by DIO.
    """
    f0 = describe_f0(f0_method)
    return (
        Column(
            "F0-mean error",
            lambda score: score.f0_error_percent,
            "%",
            "lower",
            "|difference of mean F0 over voiced frames| in percent of the true target's, mean "
            f"over pairs; {f0}; an utterance without a voiced frame counts as 100 %.",
        ),
        Column(
            "F0-std error",
            lambda score: score.f0_std_error_hz,
            "Hz",
            "lower",
            "|difference of the standard deviation of F0 over voiced frames to the true "
            f"target's|, mean over pairs; {f0}; 0 Hz for an utterance without a voiced frame.",
        ),
        *_COLUMNS,
    )


_COLUMNS: tuple[Column[PairScore], ...] = (
    Column(
        "duration error",
        lambda score: score.duration_error_percent,
        "%",
        "lower",
        "|difference in length| in percent of the true target's, silences included.",
    ),
    Column(
        "energy error",
        lambda score: score.level_error_db,
        "dB",
        "lower",
        "|difference in level to the true target|; level is the mean power of the 20 ms frames "
        "within 30 dB of the strongest.",
    ),
    Column(
        "MCD",
        lambda score: score.mcd_db,
        "dB",
        "lower",
        f"mel-cepstral distortion to the true target, definition 'paper': {PAPER_ANALYSIS}; "
        f"{PAPER_PATH}; mean over the path of 10 / ln 10 x sqrt(2 x sum of squared differences).",
    ),
    Column(
        "MCD, not warped",
        lambda score: score.mcd_truncated_db,
        "dB",
        "lower",
        f"definition 'paper' frame by frame: {PAPER_ANALYSIS}; frames paired from the start to "
        "the end of the shorter, silences included.",
    ),
    Column(
        "MCD, ESPnet",
        lambda score: score.mcd_espnet_db,
        "dB",
        "lower",
        "definition 'espnet', as ESPnet's evaluate_mcd.py but for exact instead of fast DTW: "
        "SPTK mel-cepstrum of order 23, alpha 0.42, of 64 ms Hamming windows every 16 ms, "
        "c0 among the 24 coefficients, so that loudness counts; DTW over all frames.",
    ),
    Column(
        "F0-RMSE, paper",
        lambda score: score.f0_rmse_paper_hz,
        "Hz",
        "lower",
        f"definition 'paper', {_F0_RMSE_FRAME_BY_FRAME}, to the end of the shorter; "
        f"{_F0_RMSE_COMMON}",
    ),
    Column(
        "F0-RMSE, padded",
        lambda score: score.f0_rmse_padded_hz,
        "Hz",
        "lower",
        f"definition 'padded', {_F0_RMSE_FRAME_BY_FRAME}, to the end of the longer, the shorter "
        f"at 0 Hz after its own end; {_F0_RMSE_COMMON} The paper does not say which of "
        "'paper' and 'padded' it means.",
    ),
    Column(
        "F0 frames, paper",
        lambda score: score.num_frames_paper,
        "count",
        "",
        "frames of 5 ms that 'F0-RMSE, paper' is over, of all pairs together.",
        is_count=True,
    ),
    Column(
        "F0 frames, padded",
        lambda score: score.num_frames_padded,
        "count",
        "",
        "frames of 5 ms that 'F0-RMSE, padded' is over, of all pairs together.",
        is_count=True,
    ),
    Column(
        "F0-RMSE, DTW",
        lambda score: score.f0_rmse_dtw_hz,
        "Hz",
        "lower",
        "definition 'dtw', not the paper's: [P2V] Eq. 6 over the voiced and unvoiced frames on the "
        f"path of MCD, {PAPER_PATH}, so that pauses and many unvoiced frames are left out; "
        f"{_F0_RMSE_COMMON}",
    ),
    Column(
        "F0-RMSE, voiced",
        lambda score: score.f0_rmse_voiced_hz,
        "Hz",
        "lower",
        f"definition 'voiced': as 'dtw', frames voiced in both only; {_F0_RMSE_COMMON} Where no "
        "frame is, F0 counts as 0 Hz on the target's voiced frames.",
    ),
    Column(
        "log-F0 RMSE",
        lambda score: score.log_f0_rmse,
        "",
        "lower",
        "root mean square error of the natural logarithm of F0 (0.058 is a semitone) over the "
        f"frames of 'F0-RMSE, voiced'; {F0_ANALYSIS}; per pair, then the mean over pairs; where "
        "no frame is voiced in both, ln(500 / 60) = 2.12. The formula of ESPnet's "
        "evaluate_f0.py, which takes Harvest between 40 and 800 Hz every 16 ms and FastDTW.",
    ),
    Column(
        "forward",
        lambda score: score.forward_share,
        "share",
        "higher",
        "share of decoder steps whose most attended unit is not before the last step's.",
    ),
    Column(
        "consumed",
        lambda score: score.consumed_share,
        "share",
        "higher",
        "furthest most-attended unit, 0 the first and 1 the last of the source's units.",
    ),
    Column(
        "stopped",
        lambda score: score.stopped,
        "share",
        "higher",
        "share of conversions ended by the stop token, not by the limit on length.",
    ),
    Column(
        "looped",
        lambda score: score.looped,
        "share",
        "lower",
        "share of conversions in which attention falls more than 3 units behind the furthest "
        "one reached.",
    ),
    Column(
        "unit error rate",
        lambda score: score.unit_error_rate,
        "",
        "lower",
        "edits between the units of the speech and the source's units, both de-duplicated, per "
        "unit of the source; mean over pairs.",
    ),
    Column(
        "unvoiced",
        _is_unvoiced,
        "count",
        "lower",
        "utterances without a voiced frame.",
        is_count=True,
    ),
)


# ---------------------------------------------------------------- hearing metrics
# The columns of a table of conversions that models answer.

DNSMOS = (
    "by the networks of the package speechmos, 1 (bad) to 5 (excellent), mean over utterances; "
    "trained on noisy calls, so compare within this table and with resynthesis."
)
HEARING_METRICS: tuple[Column[PairScore], ...] = (
    Column(
        "emotion accuracy",
        lambda score: score.emotion_right,
        "share",
        "higher",
        "share of utterances in which the recogniser that the protocol names hears the target's "
        "emotion rather than another; of several recognisers their mean probabilities.",
    ),
    Column(
        "emotion probability",
        lambda score: score.emotion_probability,
        "share",
        "higher",
        "probability that the same recogniser gives the target's emotion, mean over utterances.",
    ),
    Column(
        "speaker cosine",
        lambda score: score.speaker_cosine,
        "",
        "higher",
        "cosine of the vectors that the frozen speaker encoder named in the protocol gives the "
        "speech and the true target; where that encoder also conditions the model, not "
        "independent of it. What other voices have: table of speaker vectors.",
    ),
    Column(
        "word error rate",
        lambda score: score.word_error_rate,
        "",
        "lower",
        "edits between the words that the speech recogniser named in the protocol hears and those "
        "of the text, per word of the text, without case and punctuation, Chinese and Japanese "
        "by character; all utterances together. Its own errors are in the row of the true target.",
        weight=lambda score: score.num_words or 0.0,
    ),
    Column(
        "DNSMOS",
        lambda score: score.dnsmos,
        "",
        "higher",
        f"opinion of listeners on everything (P.835), guessed {DNSMOS}",
    ),
    Column(
        "DNSMOS, speech",
        lambda score: score.dnsmos_signal,
        "",
        "higher",
        f"the same of the speech signal alone, {DNSMOS}",
    ),
    Column(
        "DNSMOS, background",
        lambda score: score.dnsmos_background,
        "",
        "higher",
        f"the same of the background noise alone, {DNSMOS}",
    ),
    Column(
        "DNSMOS, P.808",
        lambda score: score.dnsmos_p808,
        "",
        "higher",
        f"opinion of listeners on everything by the older recommendation P.808, {DNSMOS}",
    ),
)


# ---------------------------------------------------------------- training settings
# What a reader of a table must know of how the model was trained.


def scheduled_sampling_text(train_config: str | Path) -> str:
    """Return in words which scheduled sampling a model was trained with.

    Args:
        train_config: ``config.yaml`` of the experiment.
    """
    with open(train_config, encoding="utf-8") as stream:
        configuration = yaml.safe_load(stream)
    fields = configuration.get("model_conf", {}).get("scheduled_sampling") or {}
    schedule = SamplingSchedule(**fields)
    if schedule.probability == 0.0:
        return "scheduled sampling off"
    return (
        f"scheduled sampling {schedule.mode}, to {schedule.probability:g} from update "
        f"{schedule.start_updates} to {schedule.end_updates}"
    )


# ---------------------------------------------------------------- conversion results

ROWS_POOLED_ONLY = (RESYNTHESIS, TRUE_TARGET, WRONG_SENTENCE)
"""Rows that say what a metric can reach; they are not repeated for every condition."""


def report_scores(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    centroids_path: str | Path,
    results_path: str | Path,
    *,
    unit_tag: str,
    table: str,
    protocol: str,
    train_config: str | Path | None = None,
    row_name: str = "converted",
    with_reference_rows: bool = True,
    vocoder: str = "griffin_lim",
    f0_method: str = "dio",
    emotion_model: str | None = None,
    speaker_encoder: str | None = None,
    whisper_model: str | None = None,
    with_dnsmos: bool = False,
    with_published: bool = False,
    num_workers: int = 1,
    device: str = "cpu",
) -> None:
    """Score an inference directory and add its rows to ``results.jsonl``.

    Args:
        inference_dir: see ``score_conversions``.
        data_dir: see there.
        pairs_dir: see there.
        centroids_path: see there.
        results_path: the jsonl.
        unit_tag: which ``units_<tag>``.
        table: title; a condition's rows are called ``<row>, <condition>``.
        protocol: what was converted with what; settings of the metrics are added.
        train_config: ``config.yaml`` of the model; None says nothing of its training.
        row_name: row of these conversions.
        with_reference_rows: also add zero effort, resynthesis, true target and wrong
            sentence; leave them out for a second list over the same sources and targets.
        vocoder: of resynthesis.
        f0_method: see ``f0_contour``.
        emotion_model: weights or a folder of trained recognisers, see ``find_recognisers``;
            None for no emotion accuracy.
        speaker_encoder: hub name or directory; None for no speaker cosine.
        whisper_model: name or path, see ``whisper_transcriber``; None for no word error
            rate, which needs ``text`` in ``data_dir``.
        with_dnsmos: also ask for DNSMOS.
        with_published: also the rows of [P2V] Table VII, which are of ESD.
        num_workers: processes.
        device: of the upstream, of a HiFi-GAN and of what is asked.

    Raises:
        FileNotFoundError: see ``Judges`` and ``score_conversions``.
        ValueError: see there.
    """
    judges = Judges(emotion_model, speaker_encoder, whisper_model, with_dnsmos, device)
    heard_by = judges.protocol(data_dir, pairs_dir)
    scores = score_conversions(
        inference_dir,
        data_dir,
        pairs_dir,
        centroids_path,
        unit_tag=unit_tag,
        row_name=row_name,
        with_reference_rows=with_reference_rows,
        vocoder=vocoder,
        f0_method=f0_method,
        listen=judges.listener(),
        texts=judges.texts(data_dir, pairs_dir),
        num_workers=num_workers,
        device=device,
    )
    settings = f"{protocol}; units {unit_tag}, vocoder {vocoder}, F0 by {f0_method}"
    settings += "".join(f"; {each}" for each in heard_by)
    if train_config is not None:
        settings += f", {scheduled_sampling_text(train_config)}"
    records = summarise_scores(
        scores,
        table=table,
        protocol=settings,
        commit=git_commit(),
        f0_method=f0_method,
        source=relative_path(Path(inference_dir) / PAIR_SCORES, results_path),
    )
    if with_published:
        records = add_published(records, table)
    append_records(results_path, [*environment_records(device), *records])


def summarise_scores(
    scores: Sequence[PairScore],
    *,
    table: str,
    protocol: str,
    commit: str,
    f0_method: str = "dio",
    source: str = "",
) -> list[Record]:
    """Return the records over all pairs, then rows of zero effort and conversions by condition.

    Args:
        scores: of all rows.
        table: title.
        protocol: see ``Record``.
        commit: of the code.
        f0_method: by which the scores' mean F0 was measured.
        source: see ``Record``.

    Raises:
        ValueError: a value is there for some pairs of a row but not for all.
    """
    columns = (*conversion_metrics(f0_method), *HEARING_METRICS)
    rows = pair_rows(scores, protocol, source)
    records = records_of(columns, rows, table=table, commit=commit)
    conditions = sorted({score.condition for score in scores})
    for condition in conditions if len(conditions) > 1 else ():
        chosen = [
            replace(score, row=f"{score.row}, {condition}")
            for score in scores
            if score.condition == condition and score.row not in ROWS_POOLED_ONLY
        ]
        rows = pair_rows(chosen, protocol, source)
        records += records_of(columns, rows, table=table, commit=commit)
    return records


def pair_rows(scores: Iterable[PairScore], protocol: str, source: str) -> list[Row[PairScore]]:
    """Return the rows of a table in order of first appearance, each with its pairs."""
    rows: dict[str, list[PairScore]] = {}
    for score in scores:
        rows.setdefault(score.row, []).append(score)
    return [Row(name, of, protocol, crossing(of), source) for name, of in rows.items()]


# ---------------------------------------------------------------- conversion report
# Examples of conversion to look at and listen to, the same ones on every run.

logger = logging.getLogger(__name__)

TRAINING = "Training"
"""Title of the training curves' section."""


def report_conversion(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    output_dir: str | Path,
    results_path: str | Path,
    *,
    title: str,
    train_dir: str | Path | None = None,
) -> None:
    """Write figures and audio of the first pair of each condition, and point to them.

    For each example ``output_dir`` gets a figure of the mels with F0, one of the
    attention, and the audio of source, reference, converted and true target.

    Args:
        inference_dir: holds ``wav.scp`` and ``attention.scp``.
        data_dir: holds ``wav.scp`` and, where known, ``text`` of all utterances.
        pairs_dir: holds ``pairs targets conditions``.
        output_dir: of the files.
        results_path: the jsonl, whose page will show them.
        title: of the section.
        train_dir: training directory whose curves are drawn; None for no curves.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a pair or utterance is missing in a table; the message says which.
    """
    output_dir, results_path = Path(output_dir), Path(results_path)
    conditions = read_table(Path(pairs_dir) / "conditions")
    first: dict[str, str] = {}
    for pair in sorted(conditions):
        first.setdefault(conditions[pair], pair)
    tables = _Tables(inference_dir, data_dir, pairs_dir)
    records = []
    for condition, pair in sorted(first.items()):
        files = _write_example(tables, pair, condition, output_dir)
        records += [
            file_record(title, condition, what, file, tables.sentence(pair), results_path)
            for what, file in files.items()
        ]
    if train_dir is not None:
        records += _write_training(Path(train_dir), output_dir, results_path)
    append_records(results_path, records, replace_tables=[title])


def _write_training(train_dir: Path, output_dir: Path, results_path: Path) -> list[Record]:
    """Write the training curves; a run without TensorBoard has none, which is logged."""
    try:
        curves = read_curves(train_dir)
    except FileNotFoundError as error:
        logger.warning("no training curves: %s", error)
        return []
    file = output_dir / "training.png"
    save_figure(training_figure(curves), file)
    return [file_record(TRAINING, train_dir.name, "training curves", file, "", results_path)]


class _Tables:
    """The tables that say where everything of an example lies, each read once."""

    def __init__(
        self, inference_dir: str | Path, data_dir: str | Path, pairs_dir: str | Path
    ) -> None:
        self.inference_dir = Path(inference_dir)
        self.data_dir = Path(data_dir)
        self.pairs_dir = Path(pairs_dir)
        self._read = cache(read_table)

    def look_up(self, path: Path, key: str) -> str:
        """Return the value of a key; raise ValueError where the table lacks it."""
        table = self._read(path)
        if key not in table:
            raise ValueError(f"{path}: lacks {key}; run the stage that writes it again")
        return table[key]

    def sentence(self, pair: str) -> str:
        """Return what the source says; "" where the data have no texts."""
        source = self.look_up(self.pairs_dir / "pairs", pair).split()[0]
        path = self.data_dir / "text"
        return self.look_up(path, source) if path.is_file() else ""

    def waveforms(self, pair: str) -> dict[str, np.ndarray]:
        """Return the four waveforms (N,) of a pair by what they are."""
        source, prosody = self.look_up(self.pairs_dir / "pairs", pair).split()[:2]
        target = self.look_up(self.pairs_dir / "targets", pair)
        wavs = {
            "source": self.look_up(self.data_dir / "wav.scp", source),
            "reference": self.look_up(self.data_dir / "wav.scp", prosody),
            "converted": self.look_up(self.inference_dir / "wav.scp", pair),
            "true target": self.look_up(self.data_dir / "wav.scp", target),
        }
        return {what: read_audio(wav) for what, wav in wavs.items()}

    def attention(self, pair: str) -> np.ndarray:
        """Return the attention (S, U) of a pair."""
        path = self.look_up(self.inference_dir / "attention.scp", pair)
        return np.load(path, allow_pickle=False)


def _write_example(tables: _Tables, pair: str, condition: str, output_dir: Path) -> dict[str, Path]:
    """Write the files of one pair and return ``{what: file}``, figures first."""
    waveforms = tables.waveforms(pair)
    titles = {"reference": "reference (prosody only, other words)"}
    panels = [MelPanel(titles.get(what, what), wave) for what, wave in waveforms.items()]
    sentence = tables.sentence(pair)
    heading = f"{condition}: “{sentence}”" if sentence else condition
    files = {
        "mel and F0": output_dir / f"{pair}_mel.png",
        "attention": output_dir / f"{pair}_attention.png",
    }
    save_figure(mel_figure(panels, heading), files["mel and F0"])
    attention = attention_figure(tables.attention(pair), f"attention, {condition}")
    save_figure(attention, files["attention"])
    for what, waveform in waveforms.items():
        files[what] = output_dir / f"{pair}_{what.replace(' ', '_')}.wav"
        write_waveform(files[what], waveform)
    return files


# ---------------------------------------------------------------- intensity results
# From conversions along an intensity scale to the records of a result table.

SCORES = "intensity.tsv"
TRENDS = "intensity_trends.tsv"
COLUMNS = ("pair_id", "condition", "intensity", "f0_hz", "level_db", "duration_s")
TREND_COLUMNS = ("pair_id", "condition", "measure", "correlation", "right_steps")


MEAN_DEFINITION = (
    f"mean over pairs; F0 over voiced frames, 0 Hz where nothing is voiced, {describe_f0('dio')}; "
    "level is the mean power of the 20 ms frames within 30 dB of the strongest; duration in "
    "seconds."
)
MEASURES: dict[str, tuple[str, Callable[[ProsodyMeasures], float]]] = {
    "F0 mean": ("Hz", lambda measured: measured.f0_mean_hz or 0.0),
    "level": ("dB", lambda measured: measured.level_db),
    "duration": ("s", lambda measured: measured.duration_s),
}
"""What is followed: its unit and how it is read; F0 is 0 Hz for speech without a voiced frame."""
CORRELATION_DEFINITION = (
    "Spearman's rank correlation of the intensity and this measure over the scale, a pair at a "
    "time and then the mean; positive where it goes the way from the source to the true target; "
    "0 where it does not move."
)
STEPS_DEFINITION = (
    "share of the steps from one intensity to the next in which this measure goes the way from "
    "the source to the true target."
)


@dataclass(frozen=True)
class ScaledPair:
    """One pair along its scale: who says what, and everything measured."""

    pair_id: str
    condition: str
    speaker: str
    sentence: str
    by_intensity: dict[float, ProsodyMeasures]
    source: ProsodyMeasures
    target: ProsodyMeasures

    def trend(self, measure: str) -> Trend:
        """Return how one of `MEASURES` goes with the intensity."""
        _, value = MEASURES[measure]
        values = {a: value(measured) for a, measured in self.by_intensity.items()}
        return trend(values, value(self.source), value(self.target))


def report_intensity(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    results_path: str | Path,
    *,
    table: str,
    protocol: str,
    num_workers: int = 1,
) -> None:
    """Measure conversions along a scale, write ``intensity*.tsv`` and add records.

    Args:
        inference_dir: holds ``wav.scp`` of the conversions; gets ``intensity.tsv``.
        data_dir: holds ``wav.scp`` of sources and targets.
        pairs_dir: of ``derive_pairs``: ``pairs targets conditions scale``.
        results_path: the jsonl.
        table: title.
        protocol: what was converted with what.
        num_workers: processes.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a pair was not converted, or there are none.
    """
    scaled = measure_scale(inference_dir, data_dir, pairs_dir, num_workers)
    _write_tsvs(Path(inference_dir), scaled)
    files = [relative_path(Path(inference_dir) / name, results_path) for name in (SCORES, TRENDS)]
    records = summarise_scale(scaled, table, protocol, git_commit(), *files)
    append_records(results_path, records, replace_tables=[table, f"{table}: trends"])


def _write_tsvs(folder: Path, scaled: Sequence[ScaledPair]) -> None:
    """Write every measure and every trend, from which the tables can be rebuilt."""
    with atomic_open(folder / SCORES) as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for pair in scaled:
            for a, measured in pair.by_intensity.items():
                values = [f"{value(measured):.6g}" for _, value in MEASURES.values()]
                stream.write("\t".join([pair.pair_id, pair.condition, f"{a:g}", *values]) + "\n")
    with atomic_open(folder / TRENDS) as stream:
        stream.write("\t".join(TREND_COLUMNS) + "\n")
        for pair in scaled:
            for measure in MEASURES:
                found = pair.trend(measure)
                values = [measure, f"{found.correlation:.6g}", f"{found.right_steps:.6g}"]
                stream.write("\t".join([pair.pair_id, pair.condition, *values]) + "\n")


def measure_scale(
    inference_dir: str | Path, data_dir: str | Path, pairs_dir: str | Path, num_workers: int
) -> list[ScaledPair]:
    """Return the measures of all pairs; see ``report_intensity``."""
    pairs_dir = Path(pairs_dir)
    converted = read_table(Path(inference_dir) / "wav.scp")
    wavs = read_table(Path(data_dir) / "wav.scp")
    scale = {name: value.split() for name, value in read_table(pairs_dir / SCALE).items()}
    targets, conditions = read_table(pairs_dir / "targets"), read_table(pairs_dir / "conditions")
    pairs = {pair.pair_id: pair for pair in read_pairs(pairs_dir / PAIRS)}
    if not pairs:
        raise ValueError(f"{pairs_dir / PAIRS}: holds no pairs")
    if lacking := sorted(scale.keys() - converted.keys()):
        raise ValueError(f"{inference_dir}/wav.scp: lacks {lacking[0]}; run inference again")
    files = {converted[name] for name in scale}
    files |= {wavs[pair.source] for pair in pairs.values()} | {wavs[t] for t in targets.values()}
    ordered = sorted(files)
    measured = dict(zip(ordered, measure_prosody(ordered, num_workers), strict=True))
    by_parent: dict[str, dict[float, str]] = {}
    for name, (parent, intensity) in scale.items():
        by_parent.setdefault(parent, {})[float(intensity)] = name
    parents = sorted(by_parent.items())
    spoken = [pairs[min(names.values())].source for _, names in parents]
    shared = read_speakers_and_sentences(data_dir, spoken)
    return [
        ScaledPair(
            parent,
            conditions[min(names.values())],
            str(speaker),
            str(sentence),
            {a: measured[converted[name]] for a, name in sorted(names.items())},
            measured[wavs[pairs[min(names.values())].source]],
            measured[wavs[targets[min(names.values())]]],
        )
        for (parent, names), speaker, sentence in zip(
            parents, shared.rows, shared.columns, strict=True
        )
    ]


def summarise_scale(
    scaled: Sequence[ScaledPair],
    table: str,
    protocol: str,
    commit: str,
    scores_file: str = "",
    trends_file: str = "",
) -> list[Record]:
    """Return the means at each intensity by condition, and a second table of the trends."""
    by_condition: dict[str, list[ScaledPair]] = {}
    for pair in sorted(scaled, key=lambda pair: pair.condition):
        by_condition.setdefault(pair.condition, []).append(pair)
    columns = [
        Column(name, value, unit, "", MEAN_DEFINITION) for name, (unit, value) in MEASURES.items()
    ]
    records = []
    for condition, pairs in by_condition.items():
        stages = {"source": [pair.source for pair in pairs]}
        for a in pairs[0].by_intensity:
            stages[f"a = {a:g}"] = [pair.by_intensity[a] for pair in pairs]
        stages["true target"] = [pair.target for pair in pairs]
        for stage, measured in stages.items():
            name = f"{condition}, {stage}"
            row = Row(name, measured, protocol, _shared(pairs), scores_file)
            records += records_of(columns, [row], table=table, commit=commit)
    trend_columns = [
        Column(f"{measure}: {what}", partial(_trend, measure, field), unit, "higher", definition)
        for measure in MEASURES
        for what, field, unit, definition in (
            ("correlation", "correlation", "", CORRELATION_DEFINITION),
            ("right steps", "right_steps", "share", STEPS_DEFINITION),
        )
    ]
    for name, pairs in {"all": list(scaled), **by_condition}.items():
        trend_row = Row(name, pairs, protocol, _shared(pairs), trends_file)
        records += records_of(trend_columns, [trend_row], table=f"{table}: trends", commit=commit)
    return records


def _shared(pairs: Sequence[ScaledPair]) -> Crossing:
    return Crossing([pair.speaker for pair in pairs], [pair.sentence for pair in pairs])


def _trend(measure: str, field: str, pair: ScaledPair) -> float:
    return float(getattr(pair.trend(measure), field))
