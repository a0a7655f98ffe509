"""What scoring needs to know of each conversion, gathered and checked before any work."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.data.table import read_int_table, read_table


@dataclass(frozen=True)
class ConversionPair:
    """One conversion with everything it is compared to.

    Attributes:
        pair_id: names it.
        condition: for instance ``neutral-angry``.
        source: utterance whose units are said.
        target: utterance that a perfect conversion would equal.
        wrong: utterance of other words, None where the list has none.
        emotion: of the target; None where the data have no emotions.
        converted_wav: path of the result.
        attention: ``forward_share consumed_share stopped looped`` of the result.
    """

    pair_id: str
    condition: str
    source: str
    target: str
    wrong: str | None
    emotion: str | None
    converted_wav: str
    attention: dict[str, float]


@dataclass(frozen=True)
class ConversionSet:
    """All conversions of an inference directory.

    Attributes:
        pairs: sorted by id.
        wavs: source and target utterances to audio files.
        units: source, target and wrong utterances to their de-duplicated units.
    """

    pairs: list[ConversionPair]
    wavs: dict[str, str]
    units: dict[str, list[int]]


ATTENTION_COLUMNS = ("forward_share", "consumed_share", "stopped", "looped")


def read_conversion_set(
    inference_dir: str | Path, data_dir: str | Path, pairs_dir: str | Path, unit_tag: str
) -> ConversionSet:
    """Return the conversions of a directory; nothing is left out silently.

    Args:
        inference_dir: holds ``wav.scp`` and ``generation.tsv``.
        data_dir: holds ``wav.scp`` and ``units_<tag>`` of sources and targets and, where
            known, ``utt2emo``.
        pairs_dir: holds ``pairs targets conditions`` and, where known, ``wrong_sentence``.
        unit_tag: which units.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: tables disagree on pairs or utterances; the message says which.
    """
    inference_dir, data_dir, pairs_dir = Path(inference_dir), Path(data_dir), Path(pairs_dir)
    sources = {pair: value.split()[0] for pair, value in read_table(pairs_dir / "pairs").items()}
    if not sources:
        raise ValueError(f"{pairs_dir / 'pairs'}: holds no pairs")
    targets = read_table(pairs_dir / "targets")
    conditions = read_table(pairs_dir / "conditions")
    converted = read_table(inference_dir / "wav.scp")
    generation = _read_generation(inference_dir / "generation.tsv")
    remedy = "run the inference stage again"
    for path, table in (
        (pairs_dir / "targets", targets),
        (pairs_dir / "conditions", conditions),
        (inference_dir / "wav.scp", converted),
        (inference_dir / "generation.tsv", generation),
    ):
        _check_same_keys(path, table, pairs_dir / "pairs", sources, remedy)
    for pair, source in sources.items():
        if generation[pair]["source"] != source:
            raise ValueError(
                f"{inference_dir / 'generation.tsv'}: {pair} was made from "
                f"{generation[pair]['source']}, the list says {source}; {remedy}"
            )
    wrong_path = pairs_dir / "wrong_sentence"
    wrong = read_table(wrong_path) if wrong_path.is_file() else {}
    if wrong:
        _check_has(wrong_path, wrong, sources.values())
    spoken = [*sources.values(), *targets.values()]
    units = read_int_table(data_dir / f"units_{unit_tag}")
    _check_has(data_dir / f"units_{unit_tag}", units, [*spoken, *wrong.values()])
    emotions = read_table(data_dir / "utt2emo") if (data_dir / "utt2emo").is_file() else {}
    wavs = read_table(data_dir / "wav.scp")
    _check_has(data_dir / "wav.scp", wavs, spoken)
    pairs = [
        ConversionPair(
            pair,
            conditions[pair],
            sources[pair],
            targets[pair],
            wrong.get(sources[pair]),
            emotions.get(targets[pair]),
            converted[pair],
            {name: float(generation[pair][name]) for name in ATTENTION_COLUMNS},
        )
        for pair in sorted(sources)
    ]
    return ConversionSet(pairs, wavs, units)


def _read_generation(path: Path) -> dict[str, dict[str, str]]:
    """Return ``{pair: {column: text}}`` of generation.tsv."""
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        lacking = {"pair_id", "source", *ATTENTION_COLUMNS} - row.keys()
        if lacking or None in row.values():
            raise ValueError(f"{path}: lacks {sorted(lacking) or 'fields'}; run inference again")
    return {row["pair_id"]: row for row in rows}


def _check_same_keys(
    path: Path, table: Mapping, reference_path: Path, reference: Mapping, remedy: str
) -> None:
    """Raise ValueError unless both tables have the same keys."""
    for lacks, has, keys in (
        (path, reference_path, reference.keys() - table.keys()),
        (reference_path, path, table.keys() - reference.keys()),
    ):
        if keys:
            raise ValueError(
                f"{lacks}: lacks {len(keys)} pairs of {has}, for example {min(keys)}; {remedy}"
            )


def _check_has(path: Path, table: Mapping, utterances: Iterable[str]) -> None:
    """Raise ValueError unless every utterance is a key of the table."""
    lacking = set(utterances) - table.keys()
    if lacking:
        raise ValueError(
            f"{path}: lacks {len(lacking)} utterances that the pairs name, for example "
            f"{min(lacking)}; see rejected.tsv beside it"
        )
