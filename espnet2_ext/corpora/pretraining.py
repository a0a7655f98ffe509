"""Training, validation and test sets of a corpus that is used for pretraining.

Validation is a random draw over the whole corpus, so its speakers are also in training, as are
those of the test set, where the corpus has none of its own. The test pairs, ``reconstruction``,
combine units and prosody of an utterance with the voice of another one by its speaker: the
training task on unseen speech. The unconverted source is a perfect answer there.

Source: [P2V] IV-B, "500 randomly selected samples from the above datasets ... for validation".
The test set is not in the paper.
"""

import logging
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
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

Sets = Mapping[str, Sequence[Utterance]]


def by_id(utterances: Iterable[Utterance]) -> list[Utterance]:
    """Return the utterances sorted by id."""
    return sorted(utterances, key=lambda utterance: utterance.utterance_id)


def split_for_pretraining(
    utterances: Iterable[Utterance], *, num_valid: int = 500, num_test: int = 500, seed: int = 0
) -> dict[str, list[Utterance]]:
    """Return the utterances of ``train``, ``valid`` and ``test``, each sorted by id.

    At most ``num_test`` are drawn for the test, two or more of each of its speakers and at most
    half of what validation left.

    Raises:
        ValueError: too few utterances for the numbers, or none for one of the sets.
    """
    ordered = by_id(utterances)
    if num_valid < 1 or num_test < 1 or len(ordered) <= num_valid + num_test:
        raise ValueError(
            f"{len(ordered)} utterances, of which {num_valid} for validation and {num_test} "
            "for the test; give positive numbers that leave some to train on"
        )
    draw = random.Random(seed)
    rest, valid = _parted(ordered, draw.sample(ordered, num_valid))
    train, test = _parted(rest, _draw_test(rest, num_test, draw))
    if not test:
        raise ValueError("no speaker has four utterances, so there can be no test set")
    return {"train": train, "valid": valid, "test": test}


def draw_validation(
    utterances: Iterable[Utterance], num_valid: int, seed: int
) -> tuple[list[Utterance], list[Utterance]]:
    """Return what is left to train on and the drawn utterances, both sorted by id.

    Raises:
        ValueError: fewer utterances than would leave some to train on.
    """
    ordered = by_id(utterances)
    if not 1 <= num_valid < len(ordered):
        raise ValueError(
            f"{len(ordered)} utterances, of which {num_valid} are for validation; give a "
            "positive number that leaves some to train on"
        )
    return _parted(ordered, random.Random(seed).sample(ordered, num_valid))


def _parted(
    ordered: Iterable[Utterance], drawn: Collection[Utterance]
) -> tuple[list[Utterance], list[Utterance]]:
    """Return the others and the drawn utterances, in the order given."""
    ids = {utterance.utterance_id for utterance in drawn}
    parts: tuple[list[Utterance], list[Utterance]] = ([], [])
    for utterance in ordered:
        parts[utterance.utterance_id in ids].append(utterance)
    return parts


def _draw_test(rest: Iterable[Utterance], num_test: int, draw: random.Random) -> list[Utterance]:
    """Return the test set: several utterances of each drawn speaker."""
    by_speaker: dict[str, list[Utterance]] = {}
    for utterance in rest:
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    speakers = sorted(speaker for speaker, members in by_speaker.items() if len(members) >= 4)
    draw.shuffle(speakers)
    share = max(PER_SPEAKER, -(-num_test // max(1, len(speakers))))
    test: list[Utterance] = []
    for speaker in speakers:
        members = by_speaker[speaker]
        number = min(share, len(members) // 2, num_test - len(test))
        if number >= 2:  # one alone would have nobody to give it a voice
            test += draw.sample(members, number)
    return test


def with_another_voice(utterances: Iterable[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
    """Return the utterances whose speaker has a second one, and the others; sorted by id."""
    ordered = by_id(utterances)
    number = Counter(utterance.speaker for utterance in ordered)
    alone, together = _parted(ordered, [each for each in ordered if number[each.speaker] > 1])
    return together, alone


def reconstruction_pairs(
    utterances: Iterable[Utterance],
    words: Mapping[str, str] | None = None,
    num_pairs: int = NUM_PAIRS,
) -> PairTables:
    """Return the tables of at most ``num_pairs`` pairs of a test set, the speakers in turn.

    The utterance that gives the voice, which is also the mismatched text, has other words as far
    as these are known by utterance id. An utterance without such a partner makes no pair.

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
    said = words.get(ids[turn], ids[turn])
    others = [*ids[turn + 1 :], *ids[:turn]]
    return next((other for other in others if words.get(other, other) != said), None)


def write_pretraining_sets(
    out_data: str | Path,
    corpus: str,
    sets: Sets,
    words: Mapping[str, str],
    rejected: Mapping[str, str],
    *,
    union: Iterable[Utterance] = (),
    left_out_of_test: Mapping[str, str] | None = None,
) -> dict[str, list[Utterance]]:
    """Write ``<corpus>_train``, ``_valid`` and ``_test``; return their utterances by directory.

    A directory has texts, and emotions, of all utterances or of none. Where words of some are not
    known, the others' stand in ``words.tsv``, ``utterance<TAB>words``.

    Args:
        out_data: gets the directories.
        corpus: begins their names.
        sets: utterances of ``train``, ``valid`` and ``test``, without text.
        words: by utterance id, as far as known.
        rejected: reasons for what is left out of the corpus, entered under training.
        union: all that is for pretraining, written as ``<corpus>`` for mixtures of corpora.
        left_out_of_test: reasons for what is left out of the test set.

    Raises:
        ValueError: a set is empty, or see `reconstruction_pairs`.
    """
    for part, members in sets.items():
        if not members:
            raise ValueError(f"{out_data}: no utterance for {corpus}_{part}; see what is missing")
    known = sum(u.utterance_id in words for members in sets.values() for u in members)
    total = sum(map(len, sets.values()))
    if not known:
        logger.info("%s: no words are known", out_data)
    elif known < total:
        logger.warning(
            "%s: %d of %d utterances have words; %s holds them, the table text is left out",
            *(out_data, known, total, WORDS),
        )
    pairs = reconstruction_pairs(sets["test"], words)
    written = {}
    whole = by_id(union)
    if whole:
        texts = words if all(each.utterance_id in words for each in whole) else {}
        written[corpus] = _write_set(Path(out_data) / corpus, whole, texts, rejected)
    left_out = {"train": rejected, "test": left_out_of_test or {}}
    for part, members in sets.items():
        path = Path(out_data) / f"{corpus}_{part}"
        texts = words if known == total else {}
        written[path.name] = _write_set(path, members, texts, left_out.get(part, {}))
        (path / WORDS).unlink(missing_ok=True)
        if words and not texts:
            keys = [u.utterance_id for u in members if u.utterance_id in words]
            with atomic_open(path / WORDS) as stream:
                stream.writelines(f"{key}\t{words[key]}\n" for key in keys)
    directory = Path(out_data) / f"{corpus}_test/pairs/{RECONSTRUCTION}"
    write_pairs(directory, pairs)
    with atomic_open(directory / "rule") as stream:
        stream.write(f"{RULE_TEXT}\n")
    return written


def _write_set(
    path: Path,
    utterances: Sequence[Utterance],
    texts: Mapping[str, str],
    rejected: Mapping[str, str],
) -> list[Utterance]:
    members = [replace(each, text=texts.get(each.utterance_id)) for each in utterances]
    if any(each.emotion is None for each in members):
        members = [replace(each, emotion=None) for each in members]
    for name, field in OPTIONAL_TABLES.items():
        if getattr(members[0], field) is None:
            (path / name).unlink(missing_ok=True)
    write_data_directory(path, members)
    write_rejected(path, rejected)
    speakers = {each.speaker for each in members}
    logger.info("%s: %d utterances of %d speakers", path, len(members), len(speakers))
    return members


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
    tables = read_data_directory(source, names)
    rejected = read_rejected(source)
    fields = {OPTIONAL_TABLES[table]: tables[table] for table in names if table != "text"}
    utterances = []
    for key in tables["wav.scp"].keys() - rejected.keys():
        optional = {field: table[key] for field, table in fields.items()}
        utterances.append(
            Utterance(key, tables["utt2spk"][key], tables["wav.scp"][key], **optional)
        )
    try:
        sets = split_for_pretraining(utterances, num_valid=num_valid, num_test=num_test, seed=seed)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    return write_pretraining_sets(out_data, name, sets, tables.get("text", {}), rejected)
