"""Further lists of pairs from one that exists: parallel, average of references, intensity.

A list of ``same_voice`` (another sentence of the source's voice in the target emotion gives
the prosody) says for each source what is right; which utterance gives the prosody is a
rule, and a score means little without it. Each rule becomes a pairs directory with the
tables of ``corpora/mini_emo_pairs.py``, ``prosody_mix`` where vectors are mixed, and a file
``rule`` of one sentence, which every result repeats.

Source: [P2V] IV-D. Deviation: it does not say which utterance gives the prosody.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.table import read_table, write_table
from espnet2_ext.prosody2vec.pairs import PAIRS, PROSODY_MIX, Pair, mix_text, read_pairs

RULE = "rule"
SCALE = "scale"
"""Table of an intensity list: pair -> the pair it was made from, and its intensity."""
SAME_VOICE_TEXT = "prosody of another sentence by the source's voice in the target emotion"
PARALLEL_TEXT = (
    "prosody of the source's own sentence by its voice in the target emotion, which is also "
    "what is scored against"
)
AVERAGE_TEXT = (
    "prosody: mean vector of up to {} other sentences by the source's voice in the target emotion"
)
SCALE_TEXT = "prosody: the source's + a x (that of {} - the source's)"
KEPT = ("targets", "conditions", "wrong_sentence")
Tables = dict[str, dict[str, str]]


def parallel_tables(base: Sequence[Pair], targets: Mapping[str, str]) -> Tables:
    """Return the pairs with the target itself as the prosody utterance."""
    return {PAIRS: {p.pair_id: f"{p.source} {targets[p.pair_id]} {p.speaker}" for p in base}}


def average_tables(
    base: Sequence[Pair],
    targets: Mapping[str, str],
    data: Mapping[str, Mapping[str, str]],
    *,
    num_references: int,
    seed: int,
) -> Tables:
    """Return the pairs with the average of several utterances as prosody.

    Args:
        base: pairs.
        targets: of them.
        data: tables ``utt2spk utt2emo`` and, where known, ``text``; an utterance with the
            words of the source or of the target is no reference.
        num_references: how many are averaged, or all that there are.
        seed: of the choice, which depends on it and the pair alone.

    Raises:
        ValueError: a pair has no reference.
    """
    if num_references < 1:
        raise ValueError(f"num_references is {num_references}: give 1 or more")
    by_kind: dict[tuple[str, str], list[str]] = {}
    for name in sorted(data["utt2emo"]):
        by_kind.setdefault((data["utt2spk"][name], data["utt2emo"][name]), []).append(name)
    texts = data.get("text", {})
    tables: Tables = {PAIRS: {}, PROSODY_MIX: {}}
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


def intensity_tables(
    base: Sequence[Pair],
    conditions: Mapping[str, str],
    *,
    intensities: Sequence[float],
    pairs_per_condition: int | None,
    seed: int,
) -> Tables:
    """Return pairs whose prosody is source + a x (reference - source), for every a.

    Args:
        base: pairs; a pair's reference is its prosody utterance, or its mix.
        conditions: of them.
        intensities: the values of a; 0 is the source's own prosody, 1 the reference's.
        pairs_per_condition: so many of each condition, drawn; None for all.
        seed: of the choice.

    Raises:
        ValueError: fewer than two intensities, or one twice.
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
    tables: Tables = {PAIRS: {}, PROSODY_MIX: {}, SCALE: {}}
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

    The list itself gets its ``rule``.

    Args:
        pairs_dir: ``data/<set>/pairs/same_voice``.
        data_dir: ``data/<set>``.
        num_references: see ``average_tables``.
        intensities: see ``intensity_tables``.
        pairs_per_condition: see there.
        seed: of both choices.

    Raises:
        FileNotFoundError: a table is missing.
        ValueError: see the rules.
    """
    pairs_dir, data_dir = Path(pairs_dir), Path(data_dir)
    base = read_pairs(pairs_dir / PAIRS)
    kept = {name: read_table(pairs_dir / name) for name in KEPT if (pairs_dir / name).is_file()}
    targets, conditions = (read_table(pairs_dir / name) for name in KEPT[:2])
    names = ["utt2spk", "utt2emo", *(["text"] if (data_dir / "text").is_file() else [])]
    data = {name: read_table(data_dir / name) for name in names}
    average = average_tables(base, targets, data, num_references=num_references, seed=seed)
    scale = intensity_tables(
        base,
        conditions,
        intensities=intensities,
        pairs_per_condition=pairs_per_condition,
        seed=seed,
    )
    for pair, value in scale[SCALE].items():
        parent = value.split()[0]
        scale.setdefault("targets", {})[pair] = targets[parent]
        scale.setdefault("conditions", {})[pair] = conditions[parent]
    folder = pairs_dir.parent
    _write(pairs_dir, {}, SAME_VOICE_TEXT)
    _write(folder / "parallel", {**parallel_tables(base, targets), **kept}, PARALLEL_TEXT)
    _write(folder / "average", {**average, **kept}, AVERAGE_TEXT.format(num_references))
    _write(folder / "intensity", scale, SCALE_TEXT.format(pairs_dir.name))


def _write(directory: Path, tables: Tables, rule: str) -> None:
    """Write the tables of a pairs directory and its rule."""
    for name, table in tables.items():
        write_table(directory / name, table)
    with atomic_open(directory / RULE) as stream:
        stream.write(f"{rule}\n")
