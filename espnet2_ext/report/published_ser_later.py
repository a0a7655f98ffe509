"""Emotion recognition on IEMOCAP as works other than [P2V] print it, for comparison.

None of it was measured here. Only what a source states without doubt is listed; of a
figure that another work quotes, the quoting table is the source.
"""

from collections.abc import Collection

from espnet2_ext.report.published_ser import (
    PAPER,
    SESSION_OUT,
    SPEAKER_OUT,
    PublishedScore,
    score_rows,
)
from espnet2_ext.report.results import Record

VALIDATION_SHARE = "superb"
"""Leave one session out with 20 % of the other sessions for validation; who draws which is not
always said."""
EMOBOX = "emobox"
"""Leave one session out; of the epoch that EmoBox's figure is of it says nothing."""
OTHER = "other"
"""None of ours; the note says which. Not comparable with any of our tables."""

_EMOTION2VEC = "emotion2vec's repository, src/IEMOCAP.png"
_TEST_SELECTED = "chosen on the test fold, which is no result"
_LATER = [
    *score_rows(
        VALIDATION_SHARE,
        _EMOTION2VEC,
        [("WavLM large, frozen", 70.03, None), ("emotion2vec, linear", 71.79, None)],
    ),
    *score_rows(SESSION_OUT, _EMOTION2VEC, [("DST (WavLM large)", 71.80, None)], "as listed there"),
    *score_rows(SPEAKER_OUT, _EMOTION2VEC, [("emotion2vec, linear", 72.94, None)]),
    *score_rows(
        OTHER,
        _EMOTION2VEC,
        [("emotion2vec, linear", 74.48, None)],
        f"leave one session out, {_TEST_SELECTED}",
    ),
    *score_rows(
        OTHER,
        _EMOTION2VEC,
        [("emotion2vec, linear", 77.64, None)],
        f"leave one speaker out, {_TEST_SELECTED}",
    ),
    PublishedScore(
        "Whisper large v3, frozen",
        EMOBOX,
        72.86,
        73.54,
        "EmoBox's repository, docs/intra-corpus.jpg",
        macro_f1=73.11,
    ),
    *score_rows(
        EMOBOX,
        "EmoBox's repository, docs/intra-corpus.jpg",
        [
            ("WavLM large, frozen", 69.07, 69.47),
            ("HuBERT large, frozen", 66.69, 67.42),
            ("HuBERT base, frozen", 63.10, 63.87),
        ],
    ),
    PublishedScore(
        "SpeechBrain wav2vec 2.0 base",
        OTHER,
        77.0,
        None,
        "SpeechBrain, recipes/IEMOCAP/README.md",
        "random split whose speakers are known from training, mean of runs, the best 78.7",
        num_utterances=553,  # a tenth of 5,531
    ),
    PublishedScore(
        "SpeechBrain HuBERT base",
        OTHER,
        76.6,
        None,
        "SpeechBrain, recipes/IEMOCAP/README.md",
        "random split whose speakers are known from training, mean of runs, the best 79.1",
        num_utterances=553,
    ),
    PublishedScore(
        "ESPnet HuBERT large, emotion with transcript",
        OTHER,
        69.53,
        None,
        "ESPnet, egs2/iemocap/asr1/README.md",
        "session 5 alone, happy without excited",
        num_utterances=941,
    ),
]
PUBLISHED = (*PAPER, *_LATER)
"""All rows of all works, the paper's first."""


def published_records(protocols: Collection[str], *, table: str) -> list[Record]:
    """Return a table of what others report under these protocols.

    Args:
        protocols: such as `SESSION_OUT`; `OTHER` for what compares with none of ours.
        table: title.
    """
    chosen = [score for score in PUBLISHED if score.protocol in protocols]
    columns = {
        "published WA": lambda score: score.wa,
        "published UA": lambda score: score.ua,
        "published macro-F1": lambda score: score.macro_f1,
    }
    return [
        Record(
            table=table,
            row=score.system,
            metric=metric,
            value=value(score),
            unit="%",
            n=score.num_utterances,
            definition="as the source prints it; not measured here.",
            protocol=f"{score.source}{': ' + score.note if score.note else ''}",
            commit="",
            better="higher",
        )
        for metric, value in columns.items()
        for score in chosen
        if value(score) is not None
    ]
