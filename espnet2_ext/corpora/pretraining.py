"""Training, validation and test sets of a corpus that is used for pretraining alone.

Validation is a random draw over the whole corpus, so its speakers are heard in training.
The test set holds further utterances of such speakers, several of each, for another one
has to give the voice. Its list of pairs, ``reconstruction``, gives an utterance its own
units and prosody and another utterance's voice, and compares the result with itself: the
training task on speech not trained on. An untouched source is a perfect answer there, so
the row of zero effort says nothing.

Source: [P2V] IV-B, "500 randomly selected samples ... for validation". The test set is not
in the paper.
"""

import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from espnet2_ext.data.directory import (
    OPTIONAL_TABLES,
    Utterance,
    read_data_directory,
    write_data_directory,
)
from espnet2_ext.data.pairs import PairTables, write_pairs
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_rejected, write_rejected

logger = logging.getLogger(__name__)

NUM_PAIRS = 100
WORDS = "words.tsv"
RECONSTRUCTION = "reconstruction"
RULE_TEXT = "units and prosody of the utterance itself, voice of another utterance of its speaker"
PER_SPEAKER = 10
"""Utterances that a speaker of the test set gives, where so many speakers are there."""


def split_for_pretraining(
    utterances: Sequence[Utterance], *, num_valid: int = 500, num_test: int = 500, seed: int = 0
) -> dict[str, list[Utterance]]:
    """Return the utterances of ``train``, ``valid`` and ``test``, each sorted by id.

    Args:
        utterances: of the whole corpus, in any order.
        num_valid: how many are drawn for validation.
        num_test: how many are drawn for the test at most; each of its speakers gives two or
            more, and keeps at least half of what validation left.
        seed: of both draws.

    Raises:
        ValueError: too few utterances for the numbers, or none for one of the sets.
    """
    if num_valid < 1 or num_test < 1 or len(utterances) <= num_valid + num_test:
        raise ValueError(
            f"{len(utterances)} utterances, of which {num_valid} for validation and {num_test} "
            "for the test; give positive numbers that leave some to train on"
        )
    draw = random.Random(seed)
    ordered = sorted(utterances, key=lambda utterance: utterance.utterance_id)
    valid = {utterance.utterance_id for utterance in draw.sample(ordered, num_valid)}
    rest = [utterance for utterance in ordered if utterance.utterance_id not in valid]
    test = _draw_test(rest, num_test, draw)
    if not test:
        raise ValueError("no speaker has four utterances, so there can be no test set")
    sets: dict[str, list[Utterance]] = {"train": [], "valid": [], "test": []}
    for utterance in ordered:
        key = utterance.utterance_id
        sets["valid" if key in valid else "test" if key in test else "train"].append(utterance)
    return sets


def _draw_test(rest: Sequence[Utterance], num_test: int, draw: random.Random) -> set[str]:
    """Return the ids of the test set: several utterances of each drawn speaker."""
    by_speaker: dict[str, list[str]] = {}
    for utterance in rest:
        by_speaker.setdefault(utterance.speaker, []).append(utterance.utterance_id)
    speakers = sorted(speaker for speaker, members in by_speaker.items() if len(members) >= 4)
    draw.shuffle(speakers)
    share = max(PER_SPEAKER, -(-num_test // max(1, len(speakers))))
    test: set[str] = set()
    for speaker in speakers:
        members = by_speaker[speaker]
        number = min(share, len(members) // 2, num_test - len(test))
        if number >= 2:  # one alone would have nobody to give it a voice
            test.update(draw.sample(members, number))
    return test


def reconstruction_pairs(
    utterances: Sequence[Utterance],
    words: Mapping[str, str] | None = None,
    num_pairs: int = NUM_PAIRS,
) -> PairTables:
    """Return the tables of the pairs of a test set, the speakers in turn.

    The other utterance of the speaker has other words, as far as these are known: it gives
    the voice, and it is the wrong sentence. An utterance without such a one makes no pair.

    Args:
        utterances: a test set.
        words: by utterance id, as far as known.
        num_pairs: at most so many pairs.

    Raises:
        ValueError: there is no pair at all.
    """
    members: dict[str, list[str]] = {}
    for utterance in utterances:
        members.setdefault(utterance.speaker, []).append(utterance.utterance_id)
    tables: PairTables = {"pairs": {}, "targets": {}, "conditions": {}, "wrong_sentence": {}}
    for turn in range(max(map(len, members.values()), default=0)):
        for ids in members.values():
            other = _other(ids, turn, words or {}) if turn < len(ids) else None
            if other is not None and len(tables["pairs"]) < num_pairs:
                key = ids[turn]
                tables["pairs"][key] = f"{key} {key} {other}"
                tables["targets"][key] = key
                tables["conditions"][key] = RECONSTRUCTION
                tables["wrong_sentence"][key] = other
    if not tables["pairs"]:
        raise ValueError("no speaker of the test set says two different things; draw another one")
    return tables


def _other(ids: Sequence[str], turn: int, words: Mapping[str, str]) -> str | None:
    """Return the next utterance after that of the turn with other words, None without one."""
    said = words.get(ids[turn], ids[turn])
    others = [*ids[turn + 1 :], *ids[:turn]]
    return next((other for other in others if words.get(other, other) != said), None)


def write_pretraining_sets(
    out_data: str | Path,
    corpus: str,
    sets: Mapping[str, Sequence[Utterance]],
    words: Mapping[str, str],
    rejected: Mapping[str, str],
) -> dict[str, list[Utterance]]:
    """Write ``<corpus>_train``, ``_valid`` and ``_test`` and return their utterances.

    A data directory has a text for every utterance or for none. Where some have no words,
    the known ones stand in ``words.tsv``, ``utterance<TAB>words``.

    Args:
        out_data: gets the directories.
        corpus: begins their names.
        sets: of ``split_for_pretraining``.
        words: by utterance id, as far as known.
        rejected: reasons for what is left out of the corpus, entered under training.

    Raises:
        ValueError: see ``reconstruction_pairs``.
    """
    known = sum(u.utterance_id in words for members in sets.values() for u in members)
    total = sum(map(len, sets.values()))
    whole = known == total
    if not known:
        logger.info("%s: no words are known", out_data)
    elif not whole:
        logger.warning(
            "%s: %d of %d utterances have words; %s holds them, the table text is left out",
            *(out_data, known, total, WORDS),
        )
    pairs = reconstruction_pairs(sets["test"], words)
    written = {}
    for part, members in sets.items():
        name = f"{corpus}_{part}"
        path = Path(out_data) / name
        written[name] = [replace(u, text=words[u.utterance_id]) if whole else u for u in members]
        if not whole:
            (path / "text").unlink(missing_ok=True)  # of an earlier run
        write_data_directory(path, written[name])
        write_rejected(path, rejected if part == "train" else {})
        _write_words(path, {} if whole else words, members)
        logger.info(
            "%s: %d utterances of %d speakers",
            path,
            len(members),
            len({u.speaker for u in members}),
        )
    directory = Path(out_data) / f"{corpus}_test/pairs/{RECONSTRUCTION}"
    write_pairs(directory, pairs)
    with atomic_open(directory / "rule") as stream:
        stream.write(f"{RULE_TEXT}\n")
    return written


def _write_words(path: Path, words: Mapping[str, str], members: Sequence[Utterance]) -> None:
    """Write the words that are known of a set that has no table of them; else remove the file."""
    if not words:
        (path / WORDS).unlink(missing_ok=True)
        return
    with atomic_open(path / WORDS) as stream:
        for utterance in members:
            if utterance.utterance_id in words:
                stream.write(f"{utterance.utterance_id}\t{words[utterance.utterance_id]}\n")


# Sets for pretraining where a corpus has a test split of its own, and of mixed corpora.
#
# ``<corpus>`` holds all that is for pretraining in one data directory, for mixtures of
# corpora; ``<corpus>_train`` and ``_valid`` are parts of it.


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
        num_test: utterances drawn for the test, two or more of each of its speakers.
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
