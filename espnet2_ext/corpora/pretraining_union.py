"""Sets for pretraining where a corpus has a test split of its own, and of mixed corpora.

``<corpus>`` holds all that is for pretraining in one data directory, for mixtures of
corpora; ``<corpus>_train`` and ``_valid`` are parts of it.
"""

import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from espnet2_ext.corpora.pretraining_sets import split_for_pretraining, write_pretraining_sets
from espnet2_ext.data.data_directory import (
    OPTIONAL_TABLES,
    read_data_directory,
    write_data_directory,
)
from espnet2_ext.data.rejected import read_rejected, write_rejected
from espnet2_ext.data.utterance import Utterance

logger = logging.getLogger(__name__)

Sets = Mapping[str, Sequence[Utterance]]


def draw_validation(
    utterances: Sequence[Utterance], num_valid: int, seed: int
) -> tuple[list[Utterance], list[Utterance]]:
    """Return what is left to train on and the drawn utterances, both sorted by id.

    Raises:
        ValueError: fewer utterances than would leave some to train on.
    """
    if not 1 <= num_valid < len(utterances):
        raise ValueError(
            f"{len(utterances)} utterances, of which {num_valid} are for validation; give a "
            "positive number that leaves some to train on"
        )
    ordered = sorted(utterances, key=lambda utterance: utterance.utterance_id)
    drawn = {u.utterance_id for u in random.Random(seed).sample(ordered, num_valid)}
    train = [utterance for utterance in ordered if utterance.utterance_id not in drawn]
    return train, [utterance for utterance in ordered if utterance.utterance_id in drawn]


def with_another_voice(utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
    """Return the utterances whose speaker has a second one, and the others; sorted by id.

    A test converts with the voice of another utterance of the speaker.
    """
    number = Counter(utterance.speaker for utterance in utterances)
    ordered = sorted(utterances, key=lambda utterance: utterance.utterance_id)
    return (
        [utterance for utterance in ordered if number[utterance.speaker] > 1],
        [utterance for utterance in ordered if number[utterance.speaker] == 1],
    )


def write_with_union(
    out_data: str | Path,
    corpus: str,
    sets: Sets,
    union: Sequence[Utterance],
    words: Mapping[str, str],
    rejected: Mapping[str, str],
    left_out_of_test: Mapping[str, str],
) -> dict[str, list[Utterance]]:
    """Write ``<corpus>`` and the sets; return the utterances by name of the directory.

    Args:
        out_data: gets the directories.
        corpus: begins their names.
        sets: utterances of ``train``, ``valid`` and ``test``, without text.
        union: all that is for pretraining, without text.
        words: by utterance id, as far as known.
        rejected: what is left out of the corpus, and why.
        left_out_of_test: what is left out of the test set, and why.

    Raises:
        ValueError: a set is empty.
    """
    for part, members in sets.items():
        if not members:
            raise ValueError(f"{out_data}: no utterance for {corpus}_{part}; see what is missing")
    known = {part: _emotion_of_all_or_none(members) for part, members in sets.items()}
    for part, members in known.items():
        _remove_stale(Path(out_data) / f"{corpus}_{part}", members)
    written = write_pretraining_sets(out_data, corpus, known, words, rejected)
    write_rejected(Path(out_data) / f"{corpus}_test", left_out_of_test)
    whole = sorted(_emotion_of_all_or_none(union), key=lambda utterance: utterance.utterance_id)
    if all(utterance.utterance_id in words for utterance in whole):
        whole = [replace(each, text=words[each.utterance_id]) for each in whole]
    else:
        (Path(out_data) / corpus / "text").unlink(missing_ok=True)
    _remove_stale(Path(out_data) / corpus, whole)
    write_data_directory(Path(out_data) / corpus, whole)
    write_rejected(Path(out_data) / corpus, rejected)
    logger.info("%s/%s: %d utterances for pretraining", out_data, corpus, len(whole))
    return {corpus: whole, **written}


def _emotion_of_all_or_none(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Return the utterances, without emotion where one has none: a table has all or is not."""
    if all(utterance.emotion is not None for utterance in utterances):
        return list(utterances)
    return [replace(utterance, emotion=None) for utterance in utterances]


def _remove_stale(path: Path, utterances: Sequence[Utterance]) -> None:
    """Remove tables of an earlier run that the utterances no longer fill."""
    for name, field in OPTIONAL_TABLES.items():
        # The text of the sets is put in later, and removed there.
        if name != "text" and getattr(utterances[0], field) is None:
            (path / name).unlink(missing_ok=True)


def split_directory(
    data_dir: str | Path,
    out_data: str | Path,
    name: str,
    *,
    num_valid: int = 500,
    num_test: int = 500,
    seed: int = 0,
) -> dict[str, list[Utterance]]:
    """Write ``<name>_train``, ``_valid`` and ``_test`` of a directory of all utterances.

    Source: [P2V] IV-B, "500 randomly selected samples from the above datasets".

    Args:
        data_dir: such as a mixture of corpora by ``combine_data``.
        out_data: gets the directories.
        name: begins their names.
        num_valid: utterances drawn for validation.
        num_test: utterances drawn for the test, see ``split_for_pretraining``.
        seed: of both draws.

    Raises:
        ValueError: the directory breaks a rule or has too few utterances.
    """
    source = Path(data_dir)
    names = [table for table in OPTIONAL_TABLES if (source / table).is_file()]
    tables = read_data_directory(source, names).tables
    rejected = read_rejected(source)
    # Words go in again by write_pretraining_sets.
    fields = {OPTIONAL_TABLES[table]: tables[table] for table in names if table != "text"}
    utterances = [
        Utterance(
            key,
            tables["utt2spk"][key],
            wav,
            **{field: table[key] for field, table in fields.items()},
        )
        for key, wav in tables["wav.scp"].items()
        if key not in rejected
    ]
    try:
        sets = split_for_pretraining(utterances, num_valid=num_valid, num_test=num_test, seed=seed)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    return write_pretraining_sets(out_data, name, sets, tables.get("text", {}), rejected)
