"""Which utterance is converted with whose prosody and whose voice.

A pairs directory holds the table ``pairs`` and, where the prosody vector is a weighted sum,
``prosody_mix``: ``pair_id utterance weight utterance weight ...``. Beside them stand ``targets``
(what is scored against), ``conditions``, ``wrong_sentence`` and ``rule``, one sentence that every
result repeats. The rules that choose the utterance that gives the prosody:

* ``same_voice``: another sentence by the source's speaker in the target emotion, drawn with the
  seed. The model cannot copy the timing of the words from it.
* ``parallel``: the source's own sentence by its speaker in the target emotion.
* ``average``: the mean of several sentences as in ``same_voice``.
* ``intensity``: points on the way from the source's prosody to that of ``same_voice``.

Source: [P2V] IV-D (neutral to angry, happy and sad on parallel utterances). Deviation: [P2V] does
not say which utterance gives the prosody; hence the rules.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_table, write_table

PairTables = dict[str, dict[str, str]]

PAIRS = "pairs"
PROSODY_MIX = "prosody_mix"
RULE = "rule"
SCALE = "scale"
"""Table of an intensity list: pair -> the pair it was made from, and its intensity."""
RULES = ("same_voice", "parallel")
KEPT = ("targets", "conditions", "wrong_sentence")
DEFAULT_TARGETS = ("angry", "happy", "sad")
SAME_VOICE_TEXT = "prosody of another sentence by the source's voice in the target emotion"
PARALLEL_TEXT = (
    "prosody of the source's own sentence by its voice in the target emotion, which is also "
    "what is scored against"
)
AVERAGE_TEXT = (
    "prosody: mean vector of up to {} other sentences by the source's voice in the target emotion"
)
SCALE_TEXT = "prosody: the source's + a x (that of {} - the source's)"


@dataclass(frozen=True)
class Pair:
    """One conversion to do: units, prosody and speaker vector of three utterances."""

    pair_id: str
    source: str
    prosody: str
    speaker: str
    mix: tuple[tuple[str, float], ...] = ()  # else prosody is the weighted sum of several vectors

    @property
    def prosody_utterances(self) -> tuple[str, ...]:
        """Return every utterance whose prosody counts."""
        return tuple(utterance for utterance, _ in self.mix) or (self.prosody,)


def read_pairs(path: str | Path) -> list[Pair]:
    """Return the pairs of a table ``pair_id source prosody [speaker]``, sorted by id.

    Without a third utterance the source speaks for its own voice, which an utterance never does in
    training ([P2V] III-B). A table ``prosody_mix`` beside it is read too. ValueError where a line
    is malformed, or the mixes are not those of the same pairs.
    """
    path = Path(path)
    table = read_table(path)
    mix_path = path.with_name(PROSODY_MIX)
    mixes = _read_mixes(mix_path) if mix_path.is_file() else None
    if mixes is not None and mixes.keys() != table.keys():
        odd = min(mixes.keys() ^ table.keys())
        raise ValueError(f"{mix_path}: its pairs are not those of {path}, see {odd}; write both")
    pairs = []
    for pair_id, value in sorted(table.items()):
        names = value.split()
        if not 2 <= len(names) <= 3:
            raise ValueError(
                f"{path}: {pair_id}: expected 'source prosody [speaker]', got {value!r}"
            )
        source, prosody, speaker = (*names, names[0])[:3]
        pairs.append(Pair(pair_id, source, prosody, speaker, mixes[pair_id] if mixes else ()))
    return pairs


def _read_mixes(path: str | Path) -> dict[str, tuple[tuple[str, float], ...]]:
    """Return utterances and weights of every pair in a table ``prosody_mix``."""
    mixes = {}
    for pair_id, value in read_table(path).items():
        words = value.split()
        try:
            weights = [float(word) for word in words[1::2]]
        except ValueError:
            weights = []
        if not weights or len(words) != 2 * len(weights):
            raise ValueError(f"{path}: {pair_id}: expected 'utterance weight ...', got {value!r}")
        mixes[pair_id] = tuple(zip(words[::2], weights, strict=True))
    return mixes


def mix_text(mix: tuple[tuple[str, float], ...]) -> str:
    """Return the line of a table ``prosody_mix`` that ``read_pairs`` reads back."""
    return " ".join(f"{utterance} {weight!r}" for utterance, weight in mix)


def write_pairs(directory: str | Path, tables: PairTables, rule: str | None = None) -> None:
    """Write the tables of a pairs directory and, where given, its rule."""
    for name, table in tables.items():
        write_table(Path(directory) / name, table)
    if rule is not None:
        with atomic_open(Path(directory) / RULE) as stream:
            stream.write(f"{rule}\n")


def _average_tables(
    base: Sequence[Pair],
    targets: Mapping[str, str],
    data: Mapping[str, Mapping[str, str]],
    num_references: int,
    seed: int,
) -> PairTables:
    """Return the pairs with the average of several utterances as prosody.

    ``data`` holds ``utt2spk utt2emo`` and, where known, ``text``; an utterance with the words of
    the source or of the target is no reference. Choices depend on the seed and the pair alone.
    """
    if num_references < 1:
        raise ValueError(f"num_references is {num_references}: give 1 or more")
    by_kind: dict[tuple[str, str], list[str]] = {}
    for name in sorted(data["utt2emo"]):
        by_kind.setdefault((data["utt2spk"][name], data["utt2emo"][name]), []).append(name)
    texts = data.get("text", {})
    tables: PairTables = {PAIRS: {}, PROSODY_MIX: {}}
    for pair in base:
        target = targets[pair.pair_id]
        said = {texts.get(name, name) for name in (pair.source, target)}
        kind = data["utt2spk"][target], data["utt2emo"][target]
        possible = [n for n in by_kind[kind] if n != target and texts.get(n, n) not in said]
        if not possible:
            raise ValueError(f"{pair.pair_id}: {kind[0]} says no other sentence {kind[1]}")
        draw = random.Random(f"{seed} {pair.pair_id} average")
        chosen = sorted(draw.sample(possible, min(num_references, len(possible))))
        mix = tuple((name, 1.0 / len(chosen)) for name in chosen)
        tables[PAIRS][pair.pair_id] = f"{pair.source} {chosen[0]} {pair.speaker}"
        tables[PROSODY_MIX][pair.pair_id] = mix_text(mix)
    return tables


def _intensity_tables(
    base: Sequence[Pair],
    conditions: Mapping[str, str],
    intensities: Sequence[float],
    pairs_per_condition: int | None,
    seed: int,
) -> PairTables:
    """Return pairs whose prosody is source + a x (reference - source), for every a.

    A pair's reference is its prosody utterance, or its mix.
    """
    if len(set(intensities)) < max(2, len(intensities)):
        raise ValueError(f"intensities {list(intensities)}: give two or more different ones")
    by_condition: dict[str, list[Pair]] = {}
    for pair in base:
        by_condition.setdefault(conditions[pair.pair_id], []).append(pair)
    chosen = []
    for condition, pairs in sorted(by_condition.items()):
        count = len(pairs) if pairs_per_condition is None else pairs_per_condition
        draw = random.Random(f"{seed} {condition} intensity")
        chosen += draw.sample(pairs, min(count, len(pairs)))
    tables: PairTables = {PAIRS: {}, PROSODY_MIX: {}, SCALE: {}}
    for pair in chosen:
        for a in intensities:
            name = f"{pair.pair_id}_at_{a:g}"
            reference = pair.mix or ((pair.prosody, 1.0),)
            mix = (pair.source, 1.0 - a), *((who, a * weight) for who, weight in reference)
            tables[PAIRS][name] = f"{pair.source} {pair.prosody} {pair.speaker}"
            tables[PROSODY_MIX][name] = mix_text(mix)
            tables[SCALE][name] = f"{pair.pair_id} {a:g}"
    return tables


def derive_pairs(
    pairs_dir: str | Path,
    data_dir: str | Path,
    *,
    num_references: int = 5,
    intensities: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    pairs_per_condition: int | None = None,
    seed: int = 0,
) -> None:
    """Write ``parallel``, ``average`` and ``intensity`` beside a list of ``same_voice``.

    The list itself, ``data/<set>/pairs/same_voice``, gets its ``rule``.

    An average is of ``num_references`` utterances or all that there are; of the intensities 0 is
    the source's own prosody, 1 the reference's. ``pairs_per_condition`` are drawn for the scale,
    all where it is None. ValueError where a pair has no reference, or there are fewer than two
    intensities or one twice.
    """
    pairs_dir, data_dir = Path(pairs_dir), Path(data_dir)
    base = read_pairs(pairs_dir / PAIRS)
    kept = {name: read_table(pairs_dir / name) for name in KEPT if (pairs_dir / name).is_file()}
    targets, conditions = (read_table(pairs_dir / name) for name in KEPT[:2])
    names = ["utt2spk", "utt2emo", *(["text"] if (data_dir / "text").is_file() else [])]
    data = {name: read_table(data_dir / name) for name in names}
    average = _average_tables(base, targets, data, num_references, seed)
    scale = _intensity_tables(base, conditions, intensities, pairs_per_condition, seed)
    for pair, value in scale[SCALE].items():
        parent = value.split()[0]
        scale.setdefault("targets", {})[pair] = targets[parent]
        scale.setdefault("conditions", {})[pair] = conditions[parent]
    folder = pairs_dir.parent
    write_pairs(pairs_dir, {}, SAME_VOICE_TEXT)
    parallel = {p.pair_id: f"{p.source} {targets[p.pair_id]} {p.speaker}" for p in base}
    write_pairs(folder / "parallel", {PAIRS: parallel, **kept}, PARALLEL_TEXT)
    write_pairs(folder / "average", {**average, **kept}, AVERAGE_TEXT.format(num_references))
    write_pairs(folder / "intensity", scale, SCALE_TEXT.format(pairs_dir.name))


class Reading(Protocol):
    """An utterance of ESD, or of another corpus with numbered sentences; its str is seeded with."""

    @property
    def speaker(self) -> str: ...
    @property
    def emotion(self) -> str: ...
    @property
    def sentence(self) -> int | str: ...
    @property
    def utterance_id(self) -> str: ...


Readings = Mapping[tuple[str, str], Sequence[Reading]]
"""Utterances by speaker and emotion."""


def check_targets(targets: Sequence[str], emotions: Iterable[str]) -> None:
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
    emotion and a neutral one of a third sentence, all by the same speaker. ``ids`` are of one set;
    a speaker says a sentence once in an emotion. ``targets``: to convert neutral utterances to.
    """
    readings: dict[tuple[str, str], list[Reading]] = {}
    for key in sorted(set(ids), key=lambda key: key.utterance_id):
        readings.setdefault((key.speaker, key.emotion), []).append(key)
    tables: dict[str, PairTables] = {
        rule: {"pairs": {}, "targets": {}, "conditions": {}, "wrong_sentence": {}} for rule in RULES
    }
    impossible = []
    for source in (key for kind, keys in readings.items() if kind[1] == "neutral" for key in keys):
        neutral = _others(readings, source, "neutral")
        for emotion in targets:
            pair = f"{source.utterance_id}_to_{emotion}"
            draw = random.Random(f"{seed} {pair}")
            own = readings.get((source.speaker, emotion), ())
            target = next((key for key in own if key.sentence == source.sentence), None)
            references = _others(readings, source, emotion)
            reference = draw.choice(references) if references else source
            voices = [key for key in neutral if key.sentence != reference.sentence]
            if target is None or not references or not voices:
                impossible.append(pair)
                continue
            speaker = draw.choice(voices)
            wrong = random.Random(f"{seed} {source} wrong sentence").choice(neutral)
            for rule, prosody in zip(RULES, (reference, target), strict=True):
                utterances = (source, prosody, speaker)
                tables[rule]["pairs"][pair] = " ".join(key.utterance_id for key in utterances)
                tables[rule]["targets"][pair] = target.utterance_id
                tables[rule]["conditions"][pair] = f"neutral-{emotion}"
                tables[rule]["wrong_sentence"][source.utterance_id] = wrong.utterance_id
    return tables, impossible


def _others(readings: Readings, source: Reading, emotion: str) -> list[Reading]:
    """Return the speaker's utterances of the other sentences in an emotion, in order."""
    own = readings.get((source.speaker, emotion), ())
    return [key for key in own if key.sentence != source.sentence]
