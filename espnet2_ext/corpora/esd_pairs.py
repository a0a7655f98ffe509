"""Which utterances of ESD a conversion takes as source, prosody and speaker.

Two rules choose the utterance that gives the prosody; each becomes a pairs directory in
the format of ``mini_emo_pairs.py``:

* ``same_voice``: another sentence by the source's speaker in the target emotion, drawn
  with the seed. The model cannot copy the timing of the words from it.
* ``parallel``: the source's own sentence by its speaker in the target emotion, which is
  also what the result is scored against.

Both are scored against the parallel utterance and take the voice from the same neutral
utterance, of a sentence that is neither the source's nor that of ``same_voice``. Partners
are found by id; the words of parallel utterances are not always the same.

What is drawn for a pair depends on the seed, the pair and the sentences that the speaker
has in the set, so a set of one speaker has the pairs that it has within all.

Source: [P2V] IV-D (neutral to angry, happy and sad on parallel utterances).
Deviation: [P2V] does not say which utterance gives the prosody; hence both rules.
"""

import random
from collections.abc import Iterable, Mapping, Sequence

from espnet2_ext.corpora.esd_ids import EMOTIONS, EsdId
from espnet2_ext.corpora.mini_emo_pairs import PairTables

Readings = Mapping[tuple[str, str], Sequence[EsdId]]
"""Utterances by speaker and emotion."""

DEFAULT_TARGETS = ("angry", "happy", "sad")
RULES = ("same_voice", "parallel")


def check_targets(targets: Sequence[str]) -> None:
    """Raise ValueError unless these are different emotions other than neutral."""
    possible = [emotion for emotion in EMOTIONS if emotion != "neutral"]
    if not targets or len({*targets}) < len(targets) or {*targets} - {*possible}:
        raise ValueError(
            f"targets are {' '.join(targets) or 'none'}; give some of {' '.join(possible)}, once"
        )


def make_pairs(
    ids: Iterable[EsdId], targets: Sequence[str], seed: int
) -> tuple[dict[str, PairTables], list[str]]:
    """Return the tables of both rules, and the pairs that cannot be made.

    A pair needs its source, its parallel utterance, another sentence in the target
    emotion and a neutral one of a third sentence, all by the same speaker.

    Args:
        ids: utterances of one set.
        targets: emotions to convert neutral utterances to.
        seed: of the drawn utterances.
    """
    readings: dict[tuple[str, str], list[EsdId]] = {}
    for key in sorted(set(ids)):
        readings.setdefault((key.speaker, key.emotion), []).append(key)
    tables: dict[str, PairTables] = {
        rule: {"pairs": {}, "targets": {}, "conditions": {}, "wrong_sentence": {}} for rule in RULES
    }
    impossible = []
    for source in (key for kind, keys in readings.items() if kind[1] == "neutral" for key in keys):
        for emotion in targets:
            pair = f"{source.utterance_id}_to_{emotion}"
            target = source.in_emotion(emotion)
            drawn = _draw(readings, source, emotion, random.Random(f"{seed} {pair}"))
            if drawn is None or target not in readings[source.speaker, emotion]:
                impossible.append(pair)
                continue
            reference, speaker = drawn
            for rule, prosody in zip(RULES, (reference, target), strict=True):
                _enter(tables[rule], pair, (source, prosody, speaker), target)
                tables[rule]["wrong_sentence"][source.utterance_id] = _wrong(readings, source, seed)
    return tables, impossible


def _others(readings: Readings, source: EsdId, emotion: str) -> list[EsdId]:
    """Return the speaker's utterances of the other sentences in an emotion, in order."""
    own = readings.get((source.speaker, emotion), ())
    return [key for key in own if key.sentence != source.sentence]


def _draw(
    readings: Readings, source: EsdId, emotion: str, draw: random.Random
) -> tuple[EsdId, EsdId] | None:
    """Return the emotional and the neutral reference; None where there are too few sentences."""
    references = _others(readings, source, emotion)
    if not references:
        return None
    reference = draw.choice(references)
    neutral = _others(readings, source, "neutral")
    speakers = [key for key in neutral if key.sentence != reference.sentence]
    return (reference, draw.choice(speakers)) if speakers else None


def _wrong(readings: Readings, source: EsdId, seed: int) -> str:
    """Return a neutral utterance of other words, which a source of any pair has."""
    draw = random.Random(f"{seed} {source} wrong sentence")
    return draw.choice(_others(readings, source, "neutral")).utterance_id


def _enter(
    tables: PairTables, pair: str, utterances: tuple[EsdId, EsdId, EsdId], target: EsdId
) -> None:
    """Enter one pair of source, prosody and speaker utterance."""
    tables["pairs"][pair] = " ".join(key.utterance_id for key in utterances)
    tables["targets"][pair] = target.utterance_id
    tables["conditions"][pair] = f"neutral-{target.emotion}"
