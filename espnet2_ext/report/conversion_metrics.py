"""The columns of a table of conversions, each with its definition."""

from collections.abc import Callable
from dataclasses import dataclass

from espnet2_ext.metrics.pair_score import PairScore

F0_ANALYSIS = "F0 by DIO and StoneMask every 5 ms between 60 and 500 Hz"
PAPER_ANALYSIS = (
    f"WORLD envelope every 5 ms ({F0_ANALYSIS}, CheapTrick), mel-cepstrum of order 24, "
    "alpha 0.41, c0 left out, no deltas"
)
PAPER_PATH = (
    "exact DTW without weights or slope limits over the frames above -20 dB of the mean power "
    "of each utterance"
)


@dataclass(frozen=True)
class Metric:
    """A column of the table: the mean of one value over pairs.

    Attributes:
        name: heads the column.
        value: of a pair; None where the row has no such value.
        unit: see ``Record``.
        better: see ``Record``.
        definition: one sentence.
        is_count: the sum is told instead of the mean, and no interval.
    """

    name: str
    value: Callable[[PairScore], float | None]
    unit: str
    better: str
    definition: str
    is_count: bool = False


def _is_unvoiced(score: PairScore) -> float | None:
    if score.f0_error_percent is None:
        return None
    return float(score.f0_hz is None)


METRICS = (
    Metric(
        "F0-mean error",
        lambda score: score.f0_error_percent,
        "%",
        "lower",
        "|difference of mean F0 over voiced frames| in percent of the true target's, mean over "
        "pairs; F0 as in espnet2_ext/metrics/f0.py by the method the protocol names; an "
        "utterance without a voiced frame counts as 100 %.",
    ),
    Metric(
        "F0-std error",
        lambda score: score.f0_std_error_hz,
        "Hz",
        "lower",
        "|difference of the standard deviation of F0 over voiced frames to the true target's|, "
        "mean over pairs; 0 Hz for an utterance without a voiced frame; F0 as for F0-mean error.",
    ),
    Metric(
        "duration error",
        lambda score: score.duration_error_percent,
        "%",
        "lower",
        "|difference in length| in percent of the true target's, silences included.",
    ),
    Metric(
        "energy error",
        lambda score: score.level_error_db,
        "dB",
        "lower",
        "|difference in level to the true target|; level is the mean power of the 20 ms frames "
        "within 30 dB of the strongest.",
    ),
    Metric(
        "MCD",
        lambda score: score.mcd_db,
        "dB",
        "lower",
        f"mel-cepstral distortion to the true target, definition 'paper': {PAPER_ANALYSIS}; "
        f"{PAPER_PATH}; mean over the path of 10 / ln 10 x sqrt(2 x sum of squared differences).",
    ),
    Metric(
        "MCD, not warped",
        lambda score: score.mcd_truncated_db,
        "dB",
        "lower",
        f"definition 'paper' frame by frame: {PAPER_ANALYSIS}; frames paired from the start to "
        "the end of the shorter, silences included.",
    ),
    Metric(
        "MCD, ESPnet",
        lambda score: score.mcd_espnet_db,
        "dB",
        "lower",
        "definition 'espnet', as ESPnet's evaluate_mcd.py but for exact instead of fast DTW: "
        "SPTK mel-cepstrum of order 23, alpha 0.42, of 64 ms Hamming windows every 16 ms, "
        "c0 among the 24 coefficients, so that loudness counts; DTW over all frames.",
    ),
    Metric(
        "F0-RMSE",
        lambda score: score.f0_rmse_hz,
        "Hz",
        "lower",
        "root mean square error in Hz over all frames, unvoiced ones as 0 Hz; "
        f"{F0_ANALYSIS}; paired by the path of MCD: {PAPER_PATH}; mean over pairs.",
    ),
    Metric(
        "F0-RMSE, voiced",
        lambda score: score.f0_rmse_voiced_hz,
        "Hz",
        "lower",
        "the same over frames voiced in both; where there are none, F0 counts as 0 Hz on the "
        "target's voiced frames.",
    ),
    Metric(
        "log-F0 RMSE",
        lambda score: score.log_f0_rmse,
        "",
        "lower",
        "the same of the natural logarithm (0.058 is a semitone), frames voiced in both; where "
        "there are none, ln(500 / 60) = 2.12.",
    ),
    Metric(
        "forward",
        lambda score: score.forward_share,
        "share",
        "higher",
        "share of decoder steps whose most attended unit is not before the last step's.",
    ),
    Metric(
        "consumed",
        lambda score: score.consumed_share,
        "share",
        "higher",
        "furthest most-attended unit, 0 the first and 1 the last of the source's units.",
    ),
    Metric(
        "stopped",
        lambda score: score.stopped,
        "share",
        "higher",
        "share of conversions ended by the stop token, not by the limit on length.",
    ),
    Metric(
        "looped",
        lambda score: score.looped,
        "share",
        "lower",
        "share of conversions in which attention falls more than 3 units behind the furthest "
        "one reached.",
    ),
    Metric(
        "unit error rate",
        lambda score: score.unit_error_rate,
        "",
        "lower",
        "edits between the units of the speech and the source's units, both de-duplicated, per "
        "unit of the source; mean over pairs.",
    ),
    Metric(
        "unvoiced",
        _is_unvoiced,
        "count",
        "lower",
        "utterances without a voiced frame.",
        is_count=True,
    ),
)
