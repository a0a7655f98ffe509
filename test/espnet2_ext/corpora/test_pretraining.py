"""Sets of a corpus for pretraining: sizes, whom the test set may hold, pairs, words."""

import random
from collections import Counter
from pathlib import Path

import pytest

from espnet2_ext.corpora.pretraining import (
    reconstruction_pairs,
    split_for_pretraining,
    write_pretraining_sets,
)
from espnet2_ext.data.directory import Utterance, validate_data_directory
from espnet2_ext.data.pairs import read_pairs
from espnet2_ext.data.tables import read_rejected, read_table


def make(**numbers: int) -> list[Utterance]:
    """Return so many utterances of each speaker."""
    return [
        Utterance(f"{speaker}-{index:04d}", speaker, f"/{speaker}/{index}.wav", emotion="sad")
        for speaker, number in numbers.items()
        for index in range(number)
    ]


def ids(sets: dict[str, list[Utterance]]) -> dict[str, list[str]]:
    return {name: [u.utterance_id for u in members] for name, members in sets.items()}


def test_sets_are_disjoint_and_drawn_by_the_seed_alone():
    utterances = make(a=40, b=40, c=40)
    sets = split_for_pretraining(utterances, num_valid=10, num_test=20, seed=1)
    assert {name: len(members) for name, members in sets.items()} == dict(
        train=90, valid=10, test=20
    )
    assert sorted(sum(ids(sets).values(), [])) == sorted(u.utterance_id for u in utterances)
    assert all(members == sorted(members) for members in ids(sets).values())
    random.Random(0).shuffle(utterances)
    again = split_for_pretraining(utterances, num_valid=10, num_test=20, seed=1)
    assert ids(again) == ids(sets)
    other = split_for_pretraining(utterances, num_valid=10, num_test=20, seed=2)
    assert ids(other)["valid"] != ids(sets)["valid"] and ids(other)["test"] != ids(sets)["test"]


def test_every_speaker_of_the_test_set_has_a_second_utterance_and_is_heard_in_training():
    numbers = {f"few{n}": 3 for n in range(30)} | {f"one{n}": 1 for n in range(300)}
    utterances = make(**numbers, some=5, many=40)
    for seed in range(20):
        sets = split_for_pretraining(utterances, num_valid=1, num_test=13, seed=seed)
        tested = Counter(u.speaker for u in sets["test"])
        assert set(tested) <= {"some", "many"} and min(tested.values()) >= 2
        assert tested["some"] <= 2 and 11 <= sum(tested.values()) <= 13
        assert set(tested) <= {u.speaker for u in sets["train"]}


@pytest.mark.parametrize(
    ("numbers", "valid", "test", "message"),
    [
        (dict(a=9), 4, 5, "9 utterances, of which 4 for validation and 5 for the test; give"),
        (dict(a=9), 0, 5, "9 utterances, of which 0 for validation"),
        (dict(a=9), 4, 0, "for the test; give positive numbers that leave some to train on"),
        (dict(a=3, b=3, c=3), 1, 2, "no speaker has four utterances, so there can be no test set"),
    ],
)
def test_sets_that_cannot_be_drawn(numbers: dict[str, int], valid: int, test: int, message: str):
    with pytest.raises(ValueError, match=message):
        split_for_pretraining(make(**numbers), num_valid=valid, num_test=test)


def test_pairs_take_speakers_in_turn_and_another_utterance_for_the_voice(tmp_path: Path):
    utterances = make(a=4, b=2, c=3)
    tables = reconstruction_pairs(utterances, num_pairs=7)
    assert Counter(key[0] for key in tables["pairs"]) == dict(a=3, b=2, c=2)
    for key, value in tables["pairs"].items():
        source, prosody, voice = value.split()
        assert source == prosody == key == tables["targets"][key]
        assert voice != key and voice[0] == key[0]
        assert tables["wrong_sentence"][key] == voice
    assert len(reconstruction_pairs(utterances)["pairs"]) == 9


def test_the_other_utterance_has_other_words_where_they_are_known():
    utterances = make(a=4, b=2)
    ids = [utterance.utterance_id for utterance in utterances]
    words = dict(zip(ids, ["same", "same", "same", "other", "alike", "alike"]))
    tables = reconstruction_pairs(utterances, words)
    assert tables["wrong_sentence"] == {
        "a-0000": "a-0003",
        "a-0001": "a-0003",
        "a-0002": "a-0003",
        "a-0003": "a-0000",
    }
    with pytest.raises(ValueError, match="no speaker of the test set says two different things"):
        reconstruction_pairs(utterances[4:], words)
    assert len(reconstruction_pairs(utterances[4:], {ids[4]: "alike"})["pairs"]) == 2


def test_directories(tmp_path: Path):
    sets = split_for_pretraining(make(a=20, b=20), num_valid=5, num_test=10)
    everyone = [u.utterance_id for members in sets.values() for u in members]
    words = {key: f"words of {key}" for key in everyone}
    written = write_pretraining_sets(tmp_path, "db", sets, words, {"x": "no wav"})
    for name, members in written.items():
        assert validate_data_directory(tmp_path / name) == len(members)
        assert all(u.text == words[u.utterance_id] for u in members)
        assert read_rejected(tmp_path / name) == ({"x": "no wav"} if name == "db_train" else {})
    pairs = read_pairs(tmp_path / "db_test/pairs/reconstruction/pairs")
    assert len(pairs) == len(written["db_test"]) >= 9
    assert {pair.source for pair in pairs} == read_table(tmp_path / "db_test/wav.scp").keys()
    assert (tmp_path / "db_test/pairs/reconstruction/rule").read_text().startswith("units and pro")

    lacking = sets["valid"][0].utterance_id
    del words[lacking]
    written = write_pretraining_sets(tmp_path, "db", sets, words, {})
    found = {}
    for name, members in written.items():
        assert validate_data_directory(tmp_path / name) == len(members)
        assert not (tmp_path / name / "text").exists()
        lines = (tmp_path / name / "words.tsv").read_text().splitlines()
        found.update(line.split("\t") for line in lines)
    assert found == words and len(words) == 39
