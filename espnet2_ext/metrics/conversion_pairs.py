"""What scoring needs to know of each conversion, gathered and checked before any work."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.data.table import read_int_table, read_table
from espnet2_ext.ser.attributes import normalise_sentence


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
        speaker: of the source; "" where the data do not say.
        sentence: words that the source says, see ``normalise_sentence``; the same.
        attention: ``forward_share consumed_share stopped looped`` of the result.
    """

    pair_id: str
    condition: str
    source: str
    target: str
    wrong: str | None
    emotion: str | None
    converted_wav: str
    speaker: str
    sentence: str
    attention: dict[str, float]


@dataclass(frozen=True)
class ConversionSet:
    """All conversions of an inference directory.

    Attributes:
        pairs: sorted by id.
        wavs: source and target utterances to audio files.
        units: source, target and wrong utterances to their de-duplicated units.
        texts: source and target utterances to what they say, where that is asked for.
    """

    pairs: list[ConversionPair]
    wavs: dict[str, str]
    units: dict[str, list[int]]
    texts: Mapping[str, str] = field(default_factory=dict)


REMEDY = "run the inference stage again"
ATTENTION_COLUMNS = ("forward_share", "consumed_share", "stopped", "looped")


def read_conversion_set(
    inference_dir: str | Path, data_dir: str | Path, pairs_dir: str | Path, unit_tag: str
) -> ConversionSet:
    """Return the conversions of a directory; nothing is left out silently.

    Args:
        inference_dir: holds ``wav.scp`` and ``generation.tsv``.
        data_dir: holds ``wav.scp`` and ``units_<tag>`` of sources and targets and, where
            known, ``utt2emo utt2spk text``.
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
    paths = (pairs_dir / "targets", pairs_dir / "conditions", inference_dir / "wav.scp")
    targets, conditions, converted = tables = [read_table(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        _check_same_keys(path, table, pairs_dir / "pairs", sources)
    generation = _read_generation(inference_dir / "generation.tsv")
    _check_same_keys(inference_dir / "generation.tsv", generation, pairs_dir / "pairs", sources)
    _check_sources(inference_dir / "generation.tsv", generation, sources)
    wrong = _read_where_known(pairs_dir / "wrong_sentence")
    if wrong:
        _check_has(pairs_dir / "wrong_sentence", wrong, sources.values())
    spoken = [*sources.values(), *targets.values()]
    units = read_int_table(data_dir / f"units_{unit_tag}")
    _check_has(data_dir / f"units_{unit_tag}", units, [*spoken, *wrong.values()])
    emotions = _read_where_known(data_dir / "utt2emo")
    speakers = _read_where_known(data_dir / "utt2spk")
    texts = _read_where_known(data_dir / "text")
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
            speakers.get(sources[pair], ""),
            normalise_sentence(texts.get(sources[pair], "")) or "",
            {name: float(generation[pair][name]) for name in ATTENTION_COLUMNS},
        )
        for pair in sorted(sources)
    ]
    return ConversionSet(pairs, wavs, units)


def _read_where_known(path: Path) -> dict[str, str]:
    """Return a table, empty where it is not there."""
    return read_table(path) if path.is_file() else {}


def _read_generation(path: Path) -> dict[str, dict[str, str]]:
    """Return ``{pair: {column: text}}`` of generation.tsv."""
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        lacking = {"pair_id", "source", *ATTENTION_COLUMNS} - row.keys()
        if lacking or None in row.values():
            raise ValueError(f"{path}: lacks {sorted(lacking) or 'fields'}; run inference again")
    return {row["pair_id"]: row for row in rows}


def _check_sources(
    path: Path, generation: Mapping[str, Mapping[str, str]], sources: Mapping[str, str]
) -> None:
    """Raise ValueError unless every conversion was made from the source that the list names."""
    for pair, source in sources.items():
        made_from = generation[pair]["source"]
        if made_from != source:
            raise ValueError(
                f"{path}: {pair} was made from {made_from}, the list says {source}; {REMEDY}"
            )


def _check_same_keys(path: Path, table: Mapping, reference_path: Path, reference: Mapping) -> None:
    """Raise ValueError unless both tables have the same keys."""
    for lacks, has, keys in (
        (path, reference_path, reference.keys() - table.keys()),
        (reference_path, path, table.keys() - reference.keys()),
    ):
        if keys:
            raise ValueError(
                f"{lacks}: lacks {len(keys)} pairs of {has}, for example {min(keys)}; {REMEDY}"
            )


def _check_has(path: Path, table: Mapping, utterances: Iterable[str]) -> None:
    """Raise ValueError unless every utterance is a key of the table."""
    lacking = set(utterances) - table.keys()
    if lacking:
        raise ValueError(
            f"{path}: lacks {len(lacking)} utterances that the pairs name, for example "
            f"{min(lacking)}; see rejected.tsv beside it"
        )
