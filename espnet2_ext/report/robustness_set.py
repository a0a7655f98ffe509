"""The pairs of a robustness study, and the clean data that its conditions start from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet2_ext.data.table import read_int_table, read_table, write_table
from espnet2_ext.prosody2vec.pairs import PROSODY_MIX, Pair, read_pairs

PAIR_TABLES = ("pairs", "targets", "conditions")
WRONG_SENTENCE = "wrong_sentence"


@dataclass(frozen=True)
class StudySet:
    """What all conditions share.

    Attributes:
        path: data directory.
        unit_tag: which ``units_<tag>``.
        pairs: what is converted, sorted by id.
        units: sources to their units (U,).
        run_lengths: sources to the run lengths (U,) of their units.
        wavs: all utterances to their audio files.
        vectors: speaker utterances to the places of their vectors in an ark.
        utt2spk: all utterances to their speakers.
    """

    path: Path
    unit_tag: str
    pairs: list[Pair]
    units: dict[str, np.ndarray]
    run_lengths: dict[str, np.ndarray]
    wavs: dict[str, str]
    vectors: dict[str, str]
    utt2spk: dict[str, str]

    @property
    def sources(self) -> list[str]:
        """Return the utterances that are damaged, sorted, each once."""
        return sorted({pair.source for pair in self.pairs})


def choose_pairs(
    pairs_dir: str | Path, output_dir: str | Path, max_pairs: int | None = None
) -> tuple[int, int]:
    """Write a pairs directory with evenly chosen pairs; return how many, and of how many.

    Conditions take turns, and each goes on in its list where the one before stopped: every
    condition and voice has its share, and pairs share a source only where there are more
    pairs than sources. Scores of pairs of one source are not independent.

    Args:
        pairs_dir: holds ``pairs targets conditions`` and, where there are such,
            ``wrong_sentence`` and ``prosody_mix``.
        output_dir: gets the same tables.
        max_pairs: None takes all.

    Raises:
        FileNotFoundError: a table is missing.
        ValueError: there are no pairs, fewer than 1 is asked for, or a table lacks a pair.
    """
    pairs_dir, output_dir = Path(pairs_dir), Path(output_dir)
    tables = {name: read_table(pairs_dir / name) for name in PAIR_TABLES}
    if not tables["pairs"]:
        raise ValueError(f"{pairs_dir / 'pairs'}: holds no pairs")
    if max_pairs is not None and max_pairs < 1:
        raise ValueError(f"max_pairs {max_pairs}: at least one pair is needed")
    if (pairs_dir / PROSODY_MIX).is_file():
        tables[PROSODY_MIX] = read_table(pairs_dir / PROSODY_MIX)
    else:  # That of another list would change the prosody.
        (output_dir / PROSODY_MIX).unlink(missing_ok=True)
    for name, table in tables.items():
        _check_has(pairs_dir / name, table, tables["pairs"])
    number = min(len(tables["pairs"]), max_pairs or len(tables["pairs"]))
    sources = {pair: value.split()[0] for pair, value in tables["pairs"].items()}
    chosen = _spread(tables["conditions"], dict(sorted(sources.items())), number)
    for name, table in tables.items():
        write_table(output_dir / name, {pair: table[pair] for pair in chosen})
    if (pairs_dir / WRONG_SENTENCE).is_file():
        wrong = read_table(pairs_dir / WRONG_SENTENCE)
        heads = {sources[pair] for pair in chosen}
        write_table(output_dir / WRONG_SENTENCE, {s: wrong[s] for s in heads & wrong.keys()})
    return number, len(tables["pairs"])


def _spread(conditions: Mapping[str, str], sources: Mapping[str, str], number: int) -> list[str]:
    """Return some of the pairs, see ``choose_pairs``; ``sources`` has all of them, sorted."""
    lists: dict[str, list[str]] = {}
    for pair in sources:
        lists.setdefault(conditions[pair], []).append(pair)
    in_turn = list(lists.values())
    can_differ = number <= len(set(sources.values()))
    distinct = sources if can_differ else {pair: pair for pair in sources}
    chosen: dict[str, str] = {}  # by what no two of them share

    def take_first(pairs: Iterable[str]) -> None:
        new = next((pair for pair in pairs if distinct[pair] not in chosen), None)
        if new is not None:
            chosen[distinct[new]] = new

    for place in range(number):
        of_condition = in_turn[place % len(in_turn)]
        first = (2 * place + 1) * len(of_condition) // (2 * number)
        take_first([*of_condition[first:], *of_condition[:first]])
    # A condition with few pairs may have no further one; others fill its place.
    while len(chosen) < number:
        take_first(sources)
    return sorted(chosen.values())


def read_study_set(data_dir: str | Path, unit_tag: str, pairs_dir: str | Path) -> StudySet:
    """Return the clean data of the pairs.

    Args:
        data_dir: holds ``wav.scp utt2spk spk_embed.scp units_<tag> unit_durations_<tag>``.
        unit_tag: which units.
        pairs_dir: of ``choose_pairs``.

    Raises:
        FileNotFoundError: a table is missing.
        ValueError: a table lacks an utterance that a pair names, or units and run lengths
            of a source do not belong together.
    """
    data_dir = Path(data_dir)
    pairs = read_pairs(Path(pairs_dir) / "pairs")
    sources = sorted({pair.source for pair in pairs})
    int_tables = {}
    for name in (f"units_{unit_tag}", f"unit_durations_{unit_tag}"):
        table = read_int_table(data_dir / name)
        _check_has(data_dir / name, table, sources)
        int_tables[name] = {source: np.array(table[source]) for source in sources}
    units, run_lengths = int_tables.values()
    for source in sources:
        if units[source].shape != run_lengths[source].shape:
            raise ValueError(
                f"{data_dir}/unit_durations_{unit_tag}: {source}: {len(run_lengths[source])} run "
                f"lengths for {len(units[source])} units; extract the units again"
            )
    wavs, vectors, utt2spk = (
        read_table(data_dir / name) for name in ("wav.scp", "spk_embed.scp", "utt2spk")
    )
    prosody = {utterance for pair in pairs for utterance in pair.prosody_utterances}
    _check_has(data_dir / "wav.scp", wavs, {*sources, *prosody})
    _check_has(data_dir / "spk_embed.scp", vectors, [pair.speaker for pair in pairs])
    _check_has(data_dir / "utt2spk", utt2spk, sources)
    return StudySet(data_dir, unit_tag, pairs, units, run_lengths, wavs, vectors, utt2spk)


def _check_has(path: Path, table: Mapping, keys: Iterable[str]) -> None:
    """Raise ValueError unless every key stands in the table."""
    lacking = set(keys) - table.keys()
    if lacking:
        raise ValueError(
            f"{path}: lacks {len(lacking)} keys that the pairs need, for example {min(lacking)}; "
            "take those pairs out or write the table again"
        )
