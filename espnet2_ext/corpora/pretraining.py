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
from collections.abc import Iterable, Mapping, Sequence
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
ALONE = "the only utterance of its speaker in the test split, so that none gives it a voice"
PER_SPEAKER = 10
"""Utterances that a speaker of the test set gives, where so many speakers are there."""


def by_id(utterances: Iterable[Utterance]) -> list[Utterance]:
    """Return the utterances sorted by id."""
    return sorted(utterances, key=lambda utterance: utterance.utterance_id)


def split_for_pretraining(
    utterances: Iterable[Utterance], *, num_valid: int = 500, num_test: int = 500, seed: int = 0
) -> dict[str, list[Utterance]]:
    """Return the utterances of ``train``, ``valid`` and ``test``, each sorted by id.

    At most ``num_test`` are drawn for the test, two or more of each of its speakers and at most
    half of what validation left; none are drawn where the corpus has a test set of its own.

    Raises:
        ValueError: too few utterances for the numbers, or none for the test.
    """
    ordered = by_id(utterances)
    if num_valid < 1 or num_test < 0 or len(ordered) <= num_valid + num_test:
        raise ValueError(
            f"{len(ordered)} utterances, of which {num_valid} for validation and {num_test} "
            "for the test; give positive numbers that leave some to train on"
        )
    draw = random.Random(seed)
    valid = {*draw.sample(ordered, num_valid)}
    rest = [each for each in ordered if each not in valid]
    test = {*_draw_test(rest, num_test, draw)}
    if num_test and not test:
        raise ValueError("no speaker has four utterances, so there can be no test set")
    train = [each for each in rest if each not in test]
    return {"train": train, "valid": by_id(valid), "test": by_id(test)}


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


def reconstruction_pairs(
    utterances: Iterable[Utterance], words: Mapping[str, str] | None = None
) -> PairTables:
    """Return the tables of at most ``NUM_PAIRS`` pairs of a test set, the speakers in turn.

    The utterance that gives the voice, which is also the mismatched text, has other words as far
    as these are known by utterance id. An utterance without such a partner makes no pair.

    Raises:
        ValueError: there is no pair at all.
    """
    words = words or {}
    members: dict[str, list[str]] = {}
    for utterance in utterances:
        members.setdefault(utterance.speaker, []).append(utterance.utterance_id)
    others: dict[str, str] = {}
    for turn in range(max(map(len, members.values()), default=0)):
        for ids in (ids for ids in members.values() if turn < len(ids)):
            key = ids[turn]
            for other in (*ids[turn + 1 :], *ids[:turn]):
                if words.get(other, other) != words.get(key, key) and len(others) < NUM_PAIRS:
                    others[key] = other
                    break
    if not others:
        raise ValueError("no speaker of the test set says two different things; draw another one")
    return {
        "pairs": {key: f"{key} {key} {other}" for key, other in others.items()},
        "targets": {key: key for key in others},
        "conditions": dict.fromkeys(others, RECONSTRUCTION),
        "wrong_sentence": others,
    }


def write_pretraining_sets(
    out_data: str | Path,
    corpus: str,
    sets: Mapping[str, Sequence[Utterance]],
    words: Mapping[str, str],
    rejected: Mapping[str, str],
    *,
    union: Iterable[Utterance] = (),
) -> dict[str, list[Utterance]]:
    """Write ``<corpus>_train``, ``_valid`` and ``_test``; return their utterances by directory.

    A directory has texts, and emotions, of all utterances or of none. Where some ``words``, by
    utterance id, are not known, the others stand in ``words.tsv``, ``utterance<TAB>words``. Test
    utterances that are alone of their speaker are left out. ``rejected``, reasons for what is
    left out of the corpus, are entered under training. The ``union``, which is all that is for
    pretraining, is written as ``<corpus>`` for mixtures of corpora.

    Raises:
        ValueError: a set is empty, or see `reconstruction_pairs`.
    """
    number = Counter(each.speaker for each in sets["test"])
    alone = {each.utterance_id for each in sets["test"] if number[each.speaker] == 1}
    test = [each for each in by_id(sets["test"]) if each.utterance_id not in alone]
    sets = {**sets, "test": test}
    for part, members in sets.items():
        if not members:
            raise ValueError(f"{out_data}: no utterance for {corpus}_{part}; see what is missing")
    keys = [each.utterance_id for members in sets.values() for each in members]
    known = sum(key in words for key in keys)
    if not known:
        logger.info("%s: no words are known", out_data)
    elif known < len(keys):
        logger.warning(
            "%s: %d of %d utterances have words; %s holds them, the table text is left out",
            *(out_data, known, len(keys), WORDS),
        )
    pairs = reconstruction_pairs(sets["test"], words)
    written = {}
    if whole := by_id(union):
        texts = words if all(each.utterance_id in words for each in whole) else {}
        written[corpus] = _write_set(Path(out_data) / corpus, whole, texts, rejected)
    left_out = {"train": rejected, "test": dict.fromkeys(alone, ALONE)}
    texts = words if known == len(keys) else {}
    for part, members in sets.items():
        path = Path(out_data) / f"{corpus}_{part}"
        written[path.name] = _write_set(path, members, texts, left_out.get(part, {}))
        (path / WORDS).unlink(missing_ok=True)
        if words and not texts:
            with atomic_open(path / WORDS) as stream:
                for key in (u.utterance_id for u in members if u.utterance_id in words):
                    stream.write(f"{key}\t{words[key]}\n")
    write_pairs(Path(out_data) / f"{corpus}_test/pairs/{RECONSTRUCTION}", pairs, RULE_TEXT)
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
        num_test: utterances drawn for the test, two or more of each of its speakers.

    Raises:
        ValueError: too few utterances.
    """
    source = Path(data_dir)
    names = [table for table in OPTIONAL_TABLES if (source / table).is_file()]
    tables = read_data_directory(source, names)
    rejected = read_rejected(source)
    utterances = [
        Utterance(
            *(key, tables["utt2spk"][key], tables["wav.scp"][key]),
            **{OPTIONAL_TABLES[table]: tables[table][key] for table in names if table != "text"},
        )
        for key in tables["wav.scp"].keys() - rejected.keys()
    ]
    try:
        sets = split_for_pretraining(utterances, num_valid=num_valid, num_test=num_test, seed=seed)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    return write_pretraining_sets(out_data, name, sets, tables.get("text", {}), rejected)
