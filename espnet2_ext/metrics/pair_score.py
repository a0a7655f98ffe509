"""The scores of one conversion, and ``scores.tsv``, from which every table can be rebuilt."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.metrics.statistics import Crossing


@dataclass(frozen=True)
class PairScore:
    """One line of ``scores.tsv``; None where a row has no such score.

    Attributes:
        row: row of the result table: ``zero effort``, ``converted`` ...
        pair_id: the conversion.
        condition: for instance ``neutral-angry``.
        source: utterance whose units are said.
        target: what a perfect conversion would be.
        speaker: of the source.
        sentence: what the source says; like ``speaker`` only to tell which scores have it in
            common.
        f0_hz: mean F0; None when nothing is voiced.
        target_f0_hz: of the target.
        f0_error_percent: |difference| in percent of the target, 100 when nothing is voiced.
        duration_s: seconds.
        target_duration_s: of the target.
        duration_error_percent: |difference| in percent of the target.
        level_db: level of active frames.
        target_level_db: of the target.
        level_error_db: |difference|.
        f0_std_hz: standard deviation of F0 over voiced frames; None when nothing is voiced.
        target_f0_std_hz: of the target.
        f0_std_error_hz: |difference|, as if it were 0 when nothing is voiced.
        mcd_db: see ``SpectralErrors``, and there for the nine that follow.
        mcd_truncated_db: frame by frame.
        mcd_espnet_db: by ESPnet's definition.
        f0_rmse_paper_hz: over all frames of the shorter, frame by frame.
        f0_rmse_padded_hz: over all frames of the longer, frame by frame.
        f0_rmse_dtw_hz: over all frames of MCD's path.
        f0_rmse_voiced_hz: over frames of that path voiced in both.
        log_f0_rmse: over frames of that path voiced in both.
        num_frames_paper: frames of ``f0_rmse_paper_hz``.
        num_frames_padded: frames of ``f0_rmse_padded_hz``.
        unit_error_rate: against the source's units.
        forward_share: see ``AttentionPath``.
        consumed_share: see ``AttentionPath``.
        stopped: 1 if the stop token ended it, else 0.
        looped: 1 if the attention went back to say something again, else 0.
        emotion_right: 1 if the target's emotion is heard, else 0.
        emotion_probability: of the target's emotion, by the same recogniser.
        speaker_cosine: of the speaker vectors of this and the target.
        word_error_rate: of what a speech recogniser hears, against the text.
        num_words: of that text.
        dnsmos: see ``Dnsmos.overall``, and there for the three that follow.
        dnsmos_signal: of the speech.
        dnsmos_background: of the noise.
        dnsmos_p808: by the older network.
    """

    row: str
    pair_id: str
    condition: str
    source: str
    target: str
    speaker: str = ""
    sentence: str = ""
    f0_hz: float | None = None
    target_f0_hz: float | None = None
    f0_error_percent: float | None = None
    duration_s: float | None = None
    target_duration_s: float | None = None
    duration_error_percent: float | None = None
    level_db: float | None = None
    target_level_db: float | None = None
    level_error_db: float | None = None
    f0_std_hz: float | None = None
    target_f0_std_hz: float | None = None
    f0_std_error_hz: float | None = None
    mcd_db: float | None = None
    mcd_truncated_db: float | None = None
    mcd_espnet_db: float | None = None
    f0_rmse_paper_hz: float | None = None
    f0_rmse_padded_hz: float | None = None
    f0_rmse_dtw_hz: float | None = None
    f0_rmse_voiced_hz: float | None = None
    log_f0_rmse: float | None = None
    num_frames_paper: float | None = None
    num_frames_padded: float | None = None
    unit_error_rate: float | None = None
    forward_share: float | None = None
    consumed_share: float | None = None
    stopped: float | None = None
    looped: float | None = None
    emotion_right: float | None = None
    emotion_probability: float | None = None
    speaker_cosine: float | None = None
    word_error_rate: float | None = None
    num_words: float | None = None
    dnsmos: float | None = None
    dnsmos_signal: float | None = None
    dnsmos_background: float | None = None
    dnsmos_p808: float | None = None


COLUMNS = [field.name for field in fields(PairScore)]
NUM_TEXT_COLUMNS = 7


def crossing(scores: Iterable[PairScore]) -> Crossing:
    """Return which scores share a speaker and which a sentence; see ``speakers_and_sentences``."""
    scores = list(scores)
    return Crossing(
        [score.speaker or score.source for score in scores],
        # No sentence is called like an utterance: normalised words hold no line break.
        [score.sentence or f"\n{score.source}" for score in scores],
        "speakers" if any(score.speaker for score in scores) else "sources",
        "sentences" if any(score.sentence for score in scores) else "sources",
    )


def write_scores(path: str | Path, scores: Iterable[PairScore]) -> None:
    """Write a header and a line a score, in the order given; None is an empty field."""
    with atomic_open(path) as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for score in scores:
            values = (getattr(score, name) for name in COLUMNS)
            stream.write("\t".join(_format(value) for value in values) + "\n")


def read_scores(path: str | Path) -> list[PairScore]:
    """Return what ``write_scores`` wrote.

    Raises:
        ValueError: the header is another one, or a line has another number of fields.
    """
    with open(path, encoding="utf-8") as stream:
        header, *lines = [line.rstrip("\n").split("\t") for line in stream] or [[]]
    if header != COLUMNS:
        raise ValueError(f"{path}: not a table of scores; run the scoring stage again")
    scores = []
    for number, cells in enumerate(lines, start=2):
        if len(cells) != len(COLUMNS):
            raise ValueError(f"{path}:{number}: {len(cells)} fields instead of {len(COLUMNS)}")
        numbers = [float(cell) if cell else None for cell in cells[NUM_TEXT_COLUMNS:]]
        # The checker does not see how many cells a line has; COLUMNS was compared above.
        scores.append(PairScore(*cells[:NUM_TEXT_COLUMNS], *numbers))  # type: ignore[arg-type]
    return scores


def _format(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.6g}"
