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
from typing import Protocol

from espnet2_ext.corpora.esd_ids import EMOTIONS
from espnet2_ext.corpora.mini_emo_pairs import PairTables


class Reading(Protocol):
    """An utterance of ESD, or of another corpus with numbered sentences; its str is seeded with."""

    @property
    def speaker(self) -> str: ...
    @property
    def emotion(self) -> str: ...
    @property
    def sentence(self) -> int: ...
    @property
    def utterance_id(self) -> str: ...


Readings = Mapping[tuple[str, str], Sequence[Reading]]
"""Utterances by speaker and emotion."""

DEFAULT_TARGETS = ("angry", "happy", "sad")
RULES = ("same_voice", "parallel")


def check_targets(targets: Sequence[str], emotions: Iterable[str] = EMOTIONS) -> None:
    """Raise ValueError unless these are different ones of the emotions, and not neutral."""
    possible = [emotion for emotion in emotions if emotion != "neutral"]
    if not targets or len({*targets}) < len(targets) or {*targets} - {*possible}:
        raise ValueError(
            f"targets are {' '.join(targets) or 'none'}; give some of {' '.join(possible)}, once"
        )


def make_pairs(
    ids: Iterable[Reading], targets: Sequence[str], seed: int
) -> tuple[dict[str, PairTables], list[str]]:
    """Return the tables of both rules, and the pairs that cannot be made.

    A pair needs its source, its parallel utterance, another sentence in the target
    emotion and a neutral one of a third sentence, all by the same speaker.

    Args:
        ids: utterances of one set; a speaker says a sentence once in an emotion.
        targets: emotions to convert neutral utterances to.
        seed: of the drawn utterances.
    """
    readings: dict[tuple[str, str], list[Reading]] = {}
    for key in sorted(set(ids), key=lambda key: key.utterance_id):
        readings.setdefault((key.speaker, key.emotion), []).append(key)
    tables: dict[str, PairTables] = {
        rule: {"pairs": {}, "targets": {}, "conditions": {}, "wrong_sentence": {}} for rule in RULES
    }
    impossible = []
    for source in (key for kind, keys in readings.items() if kind[1] == "neutral" for key in keys):
        for emotion in targets:
            pair = f"{source.utterance_id}_to_{emotion}"
            target = _parallel(readings, source, emotion)
            drawn = _draw(readings, source, emotion, random.Random(f"{seed} {pair}"))
            if drawn is None or target is None:
                impossible.append(pair)
                continue
            reference, speaker = drawn
            for rule, prosody in zip(RULES, (reference, target), strict=True):
                _enter(tables[rule], pair, (source, prosody, speaker), target)
                tables[rule]["wrong_sentence"][source.utterance_id] = _wrong(readings, source, seed)
    return tables, impossible


def _parallel(readings: Readings, source: Reading, emotion: str) -> Reading | None:
    """Return the speaker's utterance of the same sentence in an emotion, if there is one."""
    own = readings.get((source.speaker, emotion), ())
    return next((key for key in own if key.sentence == source.sentence), None)


def _others(readings: Readings, source: Reading, emotion: str) -> list[Reading]:
    """Return the speaker's utterances of the other sentences in an emotion, in order."""
    own = readings.get((source.speaker, emotion), ())
    return [key for key in own if key.sentence != source.sentence]


def _draw(
    readings: Readings, source: Reading, emotion: str, draw: random.Random
) -> tuple[Reading, Reading] | None:
    """Return the emotional and the neutral reference; None where there are too few sentences."""
    references = _others(readings, source, emotion)
    if not references:
        return None
    reference = draw.choice(references)
    neutral = _others(readings, source, "neutral")
    speakers = [key for key in neutral if key.sentence != reference.sentence]
    return (reference, draw.choice(speakers)) if speakers else None


def _wrong(readings: Readings, source: Reading, seed: int) -> str:
    """Return a neutral utterance of other words, which a source of any pair has."""
    draw = random.Random(f"{seed} {source} wrong sentence")
    return draw.choice(_others(readings, source, "neutral")).utterance_id


def _enter(
    tables: PairTables, pair: str, utterances: tuple[Reading, Reading, Reading], target: Reading
) -> None:
    """Enter one pair of source, prosody and speaker utterance."""
    tables["pairs"][pair] = " ".join(key.utterance_id for key in utterances)
    tables["targets"][pair] = target.utterance_id
    tables["conditions"][pair] = f"neutral-{target.emotion}"
