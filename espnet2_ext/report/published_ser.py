"""What [P2V] prints of emotion recognition on IEMOCAP: Tables IV, V and VI, with all their rows.

None of it was measured here; rows of other works are as [P2V] quotes them.
"""

from collections.abc import Collection
from dataclasses import dataclass

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
