"""What [P2V] prints of emotion recognition on IEMOCAP: Tables IV, V and VI, with all their rows.

None of it was measured here; rows of other works are as [P2V] quotes them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from espnet2_ext.report.records import Record

# ---------------------------------------------------------------- published ser

SESSION_OUT = "loso"
"""Leave one session out with another session for validation, see ``ser/protocols.py``."""
SPEAKER_OUT = "lospko"
"""Leave one speaker out with the partner for validation."""


@dataclass(frozen=True)
class PublishedScore:
    """One row of a published table, in percent.

    Attributes:
        system: its name; bracketed numbers are the paper's references.
        protocol: the one of ours that it is comparable with, or ``other``.
        wa: weighted accuracy; None if not given.
        ua: unweighted accuracy; None if not given.
        source: where it is printed.
        note: what the protocol's name does not say.
        macro_f1: None if not given.
        num_utterances: tested; where the source is silent, the usual 5,531 of IEMOCAP.
    """

    system: str
    protocol: str
    wa: float | None
    ua: float | None
    source: str
    note: str = ""
    macro_f1: float | None = None
    num_utterances: int = 5531


def prosody2vec_name(num_units: int, upstream: str = "") -> str:
    """Return how the tables here call Prosody2Vec, alone or fused with an upstream.

    Args:
        num_units: size of the vocabulary, 50, 100 or 200 in the paper.
        upstream: ``wav2vec 2.0 base``, ``HuBERT large`` ...; "" for none.
    """
    return f"{upstream + ' + ' if upstream else ''}Prosody2Vec, {num_units} units"


_TABLE_4_UPSTREAMS = {
    "wav2vec 2.0 base": (66.62, {50: 67.12, 100: 67.56, 200: 69.14}),
    "wav2vec 2.0 large": (69.24, {50: 70.27, 100: 70.57, 200: 71.21}),
    "HuBERT base": (66.88, {50: 67.10, 100: 69.03, 200: 69.40}),
    "HuBERT large": (70.44, {50: 70.88, 100: 71.54, 200: 72.42}),
}
"""Upstream to its WA alone and fused with Prosody2Vec of so many units."""


def _table_4() -> list[PublishedScore]:
    scores = {"FBANK": 55.67}
    for num_units, wa in {50: 63.24, 100: 63.40, 200: 64.10}.items():
        scores[prosody2vec_name(num_units)] = wa
    for upstream, (alone, fused) in _TABLE_4_UPSTREAMS.items():
        scores[upstream] = alone
        scores |= {prosody2vec_name(units, upstream): wa for units, wa in fused.items()}
    return [
        PublishedScore(system, SESSION_OUT, wa, None, "[P2V] Table IV")
        for system, wa in scores.items()
    ]


def score_rows(
    protocol: str, source: str, rows: Collection[tuple[str, float, float | None]], note: str = ""
) -> list[PublishedScore]:
    """Return rows ``(system, WA, UA)`` of one source and protocol."""
    return [PublishedScore(system, protocol, wa, ua, source, note) for system, wa, ua in rows]


# [P2V] IV-C3: after Table IV "Prosody2Vec" is always the one with 200 units.
_TABLE_5 = score_rows(
    SESSION_OUT,
    "[P2V] Table V",
    [
        ("CNN-ELM+STC attention [64]", 61.32, 60.43),
        ("Audio_25 [56]", 60.64, 61.32),
        ("IS09-classification [58]", 68.10, 63.80),
        ("Co-attention-based fusion [57]", 69.80, 71.05),
        ("TCN+self-attention w/AT [59]", 65.00, 66.10),
        ("Wav2Vec [60]", 59.79, None),
        ("modified-CPC [61]", 60.96, None),
        ("DeCoAR 2.0 [62]", 62.47, None),
        ("Data2Vec Base [63]", 66.27, None),
        ("Data2Vec Large [63]", 66.31, None),
        ("WavLM Base [10]", 68.65, None),
        ("WavLM Large [10]", 70.62, None),
        (prosody2vec_name(200), 64.10, 65.32),
        (prosody2vec_name(200, "HuBERT large"), 72.42, 73.25),
    ],
)
_TABLE_6 = score_rows(
    SPEAKER_OUT,
    "[P2V] Table VI",
    [
        ("CNN+BLSTM [65]", 60.49, 61.76),
        ("LSTM-CTC [66]", 64.20, 65.70),
        ("CNN+ELM [67]", 66.09, 66.52),
        ("Attention-BLSTM-CTC [3]", 69.00, 67.00),
        ("HNSD [68]", 70.50, 72.50),
        ("Attention pooling [4]", 71.75, 68.06),
        ("TFCNN+DenseCap+ELM [69]", 70.34, 70.78),
        ("CNN+GRU+SeqCap [70]", 72.73, 59.71),
        (prosody2vec_name(200), 66.03, 66.57),
        (prosody2vec_name(200, "HuBERT large"), 73.74, 73.93),
    ],
)
PAPER = (*_table_4(), *_TABLE_5, *_TABLE_6)
"""Tables IV, V and VI of [P2V], with the works that it lists."""


def paper_score(system: str, protocol: str) -> PublishedScore | None:
    """Return what the paper prints for a system; None if it did not test it so.

    A system of several tables has the same WA in all; the row with UA is returned.

    Args:
        system: as in `PAPER`, see `prosody2vec_name`.
        protocol: as in ``ser/protocols.py``.

    Raises:
        ValueError: the paper knows no such system under any protocol.
    """
    rows = [score for score in PAPER if score.system == system]
    if not rows:
        known = ", ".join(dict.fromkeys(score.system for score in PAPER))
        raise ValueError(f"{system!r}: no system of [P2V] Tables IV to VI; choose one of {known}")
    rows = [score for score in rows if score.protocol == protocol]
    return min(rows, key=lambda score: score.ua is None, default=None)


# ---------------------------------------------------------------- published ser later
# Emotion recognition on IEMOCAP as works other than [P2V] print it, for comparison.
#
# None of it was measured here. Only what a source states without doubt is listed; of a
# figure that another work quotes, the quoting table is the source.

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


# ---------------------------------------------------------------- published evc
# What [P2V] Table VII prints of emotional voice conversion on ESD.
#
# None of it was measured here.

TABLE_7 = {
    "CycleGAN-EVC [31]": (7.67, 52.54),
    "StarGAN-EVC [32]": (8.06, 56.22),
    "Seq2Seq-EVC [33]": (7.89, 55.51),
    "Emovox [34]": (6.38, 52.23),
    "Prosody2Vec": (6.81, 53.31),
}
"""Model (bracketed numbers are the paper's references) to MCD in dB and F0-RMSE in Hz."""

_PRINTED = "as [P2V] Table VII prints it, not measured here"
_COLUMNS = {
    "MCD": (
        "published MCD",
        "dB",
        f"{_PRINTED}; Eq. 5 over 24 coefficients from the first on. Analysis, alignment and the "
        "means over frames and utterances are not stated, so no column here is known to be it.",
    ),
    "F0-RMSE, padded": (
        "published F0-RMSE",
        "Hz",
        f"{_PRINTED}; Eq. 6 over voiced and unvoiced regions of the entire utterance, 'frame by "
        "frame'. F0 tracker and limits, frame period, what is done about unequal lengths, and "
        "whether frames are pooled over utterances are not stated, so no column here is known to "
        "be it.",
    ),
}
"""Column of ours: the paper's that stands beside it, its unit and definition."""
_PROTOCOL = (
    "[P2V] Table VII: ESD by its standard split, neutral to angry, happy and sad; how many "
    "conversions, and whose prosody they take, is not stated"
)


def add_published(records: Sequence[Record], table: str) -> list[Record]:
    """Return the records with rows and columns of the paper, each column beside the one it is like.

    Args:
        records: of a table of conversions, metric by metric.
        table: title, which the paper's rows get too.
    """
    merged: list[Record] = []
    waiting = dict(_COLUMNS)
    for record, following in zip_longest(records, records[1:]):
        merged.append(record)
        if following is None or following.metric != record.metric:
            if record.metric in waiting:
                merged += _published(table, *waiting.pop(record.metric))
    return merged


def _published(table: str, metric: str, unit: str, definition: str) -> list[Record]:
    """Return a column of the paper's table."""
    return [
        Record(
            table=table,
            row=f"{model} in [P2V]",
            metric=metric,
            value=mcd_db if unit == "dB" else f0_rmse_hz,
            unit=unit,
            n=None,
            definition=definition,
            protocol=_PROTOCOL,
            commit="",
            better="lower",
        )
        for model, (mcd_db, f0_rmse_hz) in TABLE_7.items()
    ]
