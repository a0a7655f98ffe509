"""The columns of a table of conversions, each with its definition."""

from collections.abc import Callable
from dataclasses import dataclass

from espnet2_ext.metrics.f0 import describe_f0
from espnet2_ext.metrics.pair_score import PairScore

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
        weight: of a pair in the mean; None for 1.
    """

    name: str
    value: Callable[[PairScore], float | None]
    unit: str
    better: str
    definition: str
    is_count: bool = False
    weight: Callable[[PairScore], float] | None = None


def _is_unvoiced(score: PairScore) -> float | None:
    if score.f0_error_percent is None:
        return None
    return float(score.f0_hz is None)


def conversion_metrics(f0_method: str = "dio") -> tuple[Metric, ...]:
    """Return the columns of a table of conversions in their order.

    Args:
        f0_method: by which mean and deviation of F0 were measured, see ``f0_contour``; the
            other columns that need F0 are always by DIO.
    """
    f0 = describe_f0(f0_method)
    return (
        Metric(
            "F0-mean error",
            lambda score: score.f0_error_percent,
            "%",
            "lower",
            "|difference of mean F0 over voiced frames| in percent of the true target's, mean "
            f"over pairs; {f0}; an utterance without a voiced frame counts as 100 %.",
        ),
        Metric(
            "F0-std error",
            lambda score: score.f0_std_error_hz,
            "Hz",
            "lower",
            "|difference of the standard deviation of F0 over voiced frames to the true "
            f"target's|, mean over pairs; {f0}; 0 Hz for an utterance without a voiced frame.",
        ),
        *_COLUMNS,
    )


_COLUMNS = (
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
        "F0-RMSE, paper",
        lambda score: score.f0_rmse_paper_hz,
        "Hz",
        "lower",
        f"definition 'paper', {_F0_RMSE_FRAME_BY_FRAME}, to the end of the shorter; "
        f"{_F0_RMSE_COMMON}",
    ),
    Metric(
        "F0-RMSE, padded",
        lambda score: score.f0_rmse_padded_hz,
        "Hz",
        "lower",
        f"definition 'padded', {_F0_RMSE_FRAME_BY_FRAME}, to the end of the longer, the shorter "
        f"at 0 Hz after its own end; {_F0_RMSE_COMMON} The paper does not say which of "
        "'paper' and 'padded' it means.",
    ),
    Metric(
        "F0 frames, paper",
        lambda score: score.num_frames_paper,
        "count",
        "",
        "frames of 5 ms that 'F0-RMSE, paper' is over, of all pairs together.",
        is_count=True,
    ),
    Metric(
        "F0 frames, padded",
        lambda score: score.num_frames_padded,
        "count",
        "",
        "frames of 5 ms that 'F0-RMSE, padded' is over, of all pairs together.",
        is_count=True,
    ),
    Metric(
        "F0-RMSE, DTW",
        lambda score: score.f0_rmse_dtw_hz,
        "Hz",
        "lower",
        "definition 'dtw', not the paper's: [P2V] Eq. 6 over the voiced and unvoiced frames on the "
        f"path of MCD, {PAPER_PATH}, so that pauses and many unvoiced frames are left out; "
        f"{_F0_RMSE_COMMON}",
    ),
    Metric(
        "F0-RMSE, voiced",
        lambda score: score.f0_rmse_voiced_hz,
        "Hz",
        "lower",
        f"definition 'voiced': as 'dtw', frames voiced in both only; {_F0_RMSE_COMMON} Where no "
        "frame is, F0 counts as 0 Hz on the target's voiced frames.",
    ),
    Metric(
        "log-F0 RMSE",
        lambda score: score.log_f0_rmse,
        "",
        "lower",
        "root mean square error of the natural logarithm of F0 (0.058 is a semitone) over the "
        f"frames of 'F0-RMSE, voiced'; {F0_ANALYSIS}; per pair, then the mean over pairs; where "
        "no frame is voiced in both, ln(500 / 60) = 2.12. The formula of ESPnet's "
        "evaluate_f0.py, which takes Harvest between 40 and 800 Hz every 16 ms and FastDTW.",
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
