"""Scores of speaker vectors as records: do they tell speakers, and do they tell emotions?"""

import logging
from collections.abc import Sequence
from pathlib import Path

from espnet2_ext.report.environment import git_commit
from espnet2_ext.report.results import Record, append_records
from espnet2_ext.speaker.evaluate import SpeakerVectorScores, score_data_directory

logger = logging.getLogger(__name__)

_COLUMNS = (
    (
        "equal_error_rate",
        "EER",
        "%",
        "lower",
        "equal error rate of the cosine over all pairs of utterances, same voice or not.",
    ),
    (
        "cross_emotion_equal_error_rate",
        "EER across emotions",
        "%",
        "lower",
        "the same over pairs that differ in emotion, and in text where texts are known.",
    ),
    (
        "same_voice_same_emotion",
        "cosine, same emotion",
        "",
        "higher",
        "mean cosine over pairs of one voice and one emotion, different texts.",
    ),
    (
        "same_voice_other_emotion",
        "cosine, other emotion",
        "",
        "higher",
        "mean cosine over pairs of one voice and two emotions, different texts.",
    ),
    ("other_voice", "cosine, other voice", "", "lower", "mean cosine over pairs of two voices."),
    (
        "emotion_accuracy",
        "emotion read",
        "%",
        "lower",
        "class-mean accuracy of logistic regression from the vector to the emotion, speakers "
        "held out in up to 5 folds.",
    ),
    ("emotion_chance", "chance", "%", "", "class-mean accuracy of guessing, 1 / emotions."),
)
"""Score, column, unit, which is better, definition."""


def report_speaker_vectors(
    data_dirs: Sequence[str | Path], results_path: str | Path, *, table: str, protocol: str
) -> None:
    """Score the ``spk_embed.scp`` of data directories and add one row each to a table.

    Args:
        data_dirs: rows are named after them; of each ``utt2spk`` and, where present,
            ``utt2emo`` and ``text`` are read.
        results_path: ``results.jsonl``.
        table: title; says ``synthetic`` where the data are.
        protocol: which encoder, trained on what.

    Raises:
        ValueError: a directory has no vectors yet, or too few utterances to score.
    """
    commit = git_commit()
    records: list[Record] = []
    for data_dir in data_dirs:
        scores = score_data_directory(data_dir)
        row = Path(data_dir).name
        records += speaker_vector_records(scores, table, row, protocol, commit)
        found = (f"{r.metric} {r.value:.3g} {r.unit}".strip() for r in records if r.row == row)
        logger.info("%s: %s", data_dir, ", ".join(found))
    append_records(results_path, records)


def speaker_vector_records(
    scores: SpeakerVectorScores, table: str, row: str, protocol: str, commit: str
) -> list[Record]:
    """Return one record for each score that the labels allow."""
    values = scores.as_dict()
    settings = (
        f"{protocol}; {scores.utterances} of {scores.listed} utterances, {scores.speakers} "
        f"speakers, {scores.trials} pairs"
    )
    records = []
    for name, metric, unit, better, definition in _COLUMNS:
        value = values[name]
        if value is None:
            continue
        value = round(float(value) * (100 if unit == "%" else 1), 6)
        records.append(
            Record(
                table=table,
                row=row,
                metric=metric,
                value=value,
                unit=unit,
                n=scores.utterances,
                definition=definition,
                protocol=settings,
                commit=commit,
                better=better,
            )
        )
    return records
