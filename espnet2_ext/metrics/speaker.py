"""How well vectors tell speakers apart, and how much they reveal of the emotion."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.data.tables import read_table

logger = logging.getLogger(__name__)

MAX_UTTERANCES = 2000
"""Larger sets are thinned by a seeded draw: pairs grow with the square."""


@dataclass(frozen=True)
class SpeakerVectorScores:
    """Verification and emotion scores; None where the labels do not allow one.

    ``utterances`` of ``listed`` ones are scored; ``trials`` are pairs of two utterances.
    ``cross_emotion_...`` is over pairs that differ in emotion and, where known, in text.
    ``same_voice_...`` (over different texts) and ``other_voice`` are mean cosines,
    ``emotion_accuracy`` is `probe_accuracy`.
    """

    utterances: int
    listed: int
    speakers: int
    trials: int
    equal_error_rate: float
    cross_emotion_trials: int | None = None
    cross_emotion_equal_error_rate: float | None = None
    same_voice_same_emotion: float | None = None
    same_voice_other_emotion: float | None = None
    other_voice: float | None = None
    emotion_accuracy: float | None = None
    emotion_chance: float | None = None


def equal_error_rate(scores: np.ndarray, is_target: np.ndarray) -> float:
    """Return the rate 0..1 at which misses equal false alarms, linear between thresholds.

    ValueError if all pairs are of one kind.
    """
    scores, is_target = np.asarray(scores), np.asarray(is_target, dtype=bool)
    if not 0 < is_target.sum() < len(is_target):
        raise ValueError("equal error rate needs pairs of one speaker and pairs of two")
    from sklearn.metrics import roc_curve

    false_alarm, detected, _ = roc_curve(is_target, scores, drop_intermediate=False)
    return float(np.interp(0.0, false_alarm + detected - 1.0, false_alarm))


def probe_accuracy(vectors: np.ndarray, labels: Sequence[str], speakers: Sequence[str]) -> float:
    """Return the class-mean accuracy of logistic regression with speakers held out in turn.

    Fewer than two speakers or labels raise ValueError.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = min(5, len(set(speakers)))
    if folds < 2 or len(set(labels)) < 2:
        raise ValueError("a probe split by speaker needs at least two speakers and two labels")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    predicted = cross_val_predict(
        model, vectors, np.asarray(labels), groups=np.asarray(speakers), cv=GroupKFold(folds)
    )
    return float(recall_score(labels, predicted, average="macro"))


def score_speaker_vectors(
    vectors: Mapping[str, np.ndarray],
    utt2spk: Mapping[str, str],
    utt2emo: Mapping[str, str] | None = None,
    text: Mapping[str, str] | None = None,
    *,
    seed: int = 0,
) -> SpeakerVectorScores:
    """Return verification and emotion scores over the utterances of ``utt2spk`` with a vector.

    Of more than `MAX_UTTERANCES`, a seeded draw is scored. Without ``utt2emo`` only the plain equal
    error rate is given. Fewer than 3 utterances, or one kind of pair, raise ValueError.
    """
    chosen = _choose(vectors, utt2spk, seed)
    speakers = np.array([utt2spk[utterance] for utterance in chosen])
    matrix = np.array([vectors[utterance] for utterance in chosen], dtype=np.float32)
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    first, second = np.triu_indices(len(chosen), k=1)
    cosine = (unit @ unit.T)[first, second]
    same_voice = speakers[first] == speakers[second]
    scores: dict[str, float | int | None] = {
        "utterances": len(chosen),
        "listed": len(utt2spk),
        "speakers": len(set(speakers.tolist())),
        "trials": len(cosine),
        "equal_error_rate": equal_error_rate(cosine, same_voice),
        "other_voice": _mean(cosine[~same_voice]),
    }
    if utt2emo is not None:
        emotions = _labels(utt2emo, chosen)
        words = _labels(text, chosen) if text is not None else np.array(chosen)
        other_text = words[first] != words[second]
        same_emotion = emotions[first] == emotions[second]
        crossed = ~same_emotion & other_text
        labels, voices = emotions.tolist(), speakers.tolist()
        scores |= {
            "cross_emotion_trials": int(crossed.sum()),
            "same_voice_same_emotion": _mean(cosine[same_voice & same_emotion & other_text]),
            "same_voice_other_emotion": _mean(cosine[same_voice & crossed]),
            "emotion_chance": 1.0 / len(set(labels)),
        }
        if 0 < same_voice[crossed].sum() < crossed.sum():
            rate = equal_error_rate(cosine[crossed], same_voice[crossed])
            scores["cross_emotion_equal_error_rate"] = rate
        if min(len(set(labels)), len(set(voices))) > 1:
            scores["emotion_accuracy"] = probe_accuracy(matrix, labels, voices)
    # The fields differ in type, the dictionary's values cannot.
    return SpeakerVectorScores(**scores)  # type: ignore[arg-type]


def _choose(vectors: Mapping[str, np.ndarray], utt2spk: Mapping[str, str], seed: int) -> list[str]:
    """Return the sorted utterances to score, at most `MAX_UTTERANCES`."""
    present = sorted(utterance for utterance in utt2spk if utterance in vectors)
    if len(present) < 3:
        count = f"{len(present)} of {len(utt2spk)}"
        raise ValueError(f"{count} utterances have a speaker vector; scoring needs 3")
    if len(present) <= MAX_UTTERANCES:
        return present
    logger.info("scoring a draw of %d of %d utterances", MAX_UTTERANCES, len(present))
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(present, MAX_UTTERANCES, replace=False).tolist())


def _labels(table: Mapping[str, str], utterances: list[str]) -> np.ndarray:
    missing = [utterance for utterance in utterances if utterance not in table]
    if missing:
        raise ValueError(f"{missing[0]}: has a speaker but no emotion or text, as others have")
    return np.array([table[utterance] for utterance in utterances])


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def score_data_directory(data_dir: str | Path) -> SpeakerVectorScores:
    """Return the scores of a data directory's ``spk_embed.scp``; ValueError if there is none."""
    data_dir = Path(data_dir)
    if not (data_dir / "spk_embed.scp").is_file():
        raise ValueError(f"{data_dir}: has no spk_embed.scp; run extract_speaker_vectors first")
    utt2spk = read_table(data_dir / "utt2spk")
    utt2emo, text = (
        read_table(data_dir / name) if (data_dir / name).is_file() else None
        for name in ("utt2emo", "text")
    )
    return score_speaker_vectors(load_ark_scp(data_dir / "spk_embed.scp"), utt2spk, utt2emo, text)


def speaker_similarity(vector: np.ndarray, other: np.ndarray) -> float:
    """Return the cosine (-1 to 1) of two speaker vectors (D,).

    Vectors without length, or not finite, raise ValueError.
    """
    vector, other = (np.asarray(one, dtype=np.float64) for one in (vector, other))
    length = float(np.linalg.norm(vector) * np.linalg.norm(other))
    if not np.isfinite(length) or length == 0.0:
        raise ValueError("a cosine needs vectors that are finite and not zero")
    return float(np.clip(vector @ other / length, -1.0, 1.0))
