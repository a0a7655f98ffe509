"""Sets of a corpus for pretraining: sizes, whom the test set may hold, pairs, words, union."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.pretraining import (
    draw_validation,
    reconstruction_pairs,
    split_directory,
    split_for_pretraining,
    with_another_voice,
    write_pretraining_sets,
)
from espnet2_ext.data.directory import (
    Utterance,
    read_data_directory,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.data.pairs import read_pairs
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected


def make(**numbers: int) -> list[Utterance]:
    """Return so many utterances of each speaker."""
    return [
        Utterance(f"{speaker}-{index:04d}", speaker, f"/{speaker}/{index}.wav", emotion="sad")
        for speaker, number in numbers.items()
        for index in range(number)
    ]


def utterances(number: int, speakers: int = 5, **fields: str) -> list[Utterance]:
    """Return utterances of the speakers in turn."""
    ids = [(f"s{i % speakers}-{i:03d}", f"s{i % speakers}") for i in range(number)]
    return [Utterance(key, speaker, f"/{key}.flac", **fields) for key, speaker in ids]


def ids(members: Iterable[Utterance]) -> list[str]:
    return [utterance.utterance_id for utterance in members]


def test_sets_are_disjoint_and_drawn_by_the_seed_alone():
    utterances = make(a=40, b=40, c=40)
    sets = split_for_pretraining(utterances, num_valid=10, num_test=20, seed=1)
    sizes = {name: len(members) for name, members in sets.items()}
    assert sizes == dict(train=90, valid=10, test=20)
    everyone = [key for members in sets.values() for key in ids(members)]
    assert sorted(everyone) == sorted(ids(utterances))
    assert all(ids(members) == sorted(ids(members)) for members in sets.values())
    random.Random(0).shuffle(utterances)
    again = split_for_pretraining(utterances, num_valid=10, num_test=20, seed=1)
    assert again == sets
    other = split_for_pretraining(utterances, num_valid=10, num_test=20, seed=2)
    assert other["valid"] != sets["valid"] and other["test"] != sets["test"]


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
    keys = ids(utterances)
    words = dict(zip(keys, ["same", "same", "same", "other", "alike", "alike"]))
    tables = reconstruction_pairs(utterances, words)
    assert tables["wrong_sentence"] == dict(zip(keys, [keys[3]] * 3 + [keys[0]]))
    with pytest.raises(ValueError, match="no speaker of the test set says two different things"):
        reconstruction_pairs(utterances[4:], words)
    assert len(reconstruction_pairs(utterances[4:], {keys[4]: "alike"})["pairs"]) == 2


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


def test_draw_depends_on_the_seed_and_the_ids_alone():
    members = utterances(60)
    train, valid = draw_validation(members, 20, 0)
    assert len(valid) == 20 and sorted(ids(train) + ids(valid)) == sorted(ids(members))
    assert (train, valid) == draw_validation(members[::-1], 20, 0)
    assert valid != draw_validation(members, 20, 1)[1]
    for number in (0, 60):
        with pytest.raises(ValueError, match=f"60 utterances, of which {number} are for valid"):
            draw_validation(members, number, 0)


def test_speakers_with_one_utterance_have_no_other_voice():
    members = [*utterances(4, 2), Utterance("a-1", "a", "/a.flac")]
    together, alone = with_another_voice(members)
    assert (ids(together), ids(alone)) == (["s0-000", "s0-002", "s1-001", "s1-003"], ["a-1"])


def test_union_and_sets(tmp_path: Path):
    members = utterances(12, emotion="sad")
    sets = {
        "train": [members[i] for i in (0, 1, 3, 4, 5)],
        "valid": [members[6]],
        "test": [replace(u, emotion=None) for u in (members[7], members[2])],
    }
    union = [*sets["train"], *sets["valid"]]
    everything = [*union, *sets["test"]]
    words = {key: f"word {key}" for key in ids(union)}
    rejected, alone = {"s9-1": "no sound"}, {"s8-1": "alone"}

    def write(union: list[Utterance], words: dict[str, str], sets=sets) -> dict:
        return write_pretraining_sets(
            tmp_path, "x", sets, words, rejected, union=union, left_out_of_test=alone
        )

    def optional(name: str) -> set[str]:
        tables = read_data_directory(tmp_path / name)
        return {"text", "utt2emo"} & tables.keys()

    assert set(write(union, words)) == {"x", "x_train", "x_valid", "x_test"}
    assert validate_data_directory(tmp_path / "x") == 6
    tables = read_data_directory(tmp_path / "x")
    assert tables["text"]["s0-000"] == "word s0-000" and tables["utt2emo"]["s0-000"] == "sad"
    # The test set has no words and no emotions.
    assert [optional(f"x_{name}") for name in ("train", "test")] == [{"utt2emo"}, set()]
    assert read_rejected(tmp_path / "x") == read_rejected(tmp_path / "x_train") == rejected
    assert read_rejected(tmp_path / "x_test") == alone
    assert len(write(everything, words)["x"]) == 8 and optional("x") == set()
    # The same utterances, first with words and emotions and then without.
    for emotion, tables in (("sad", {"text", "utt2emo"}), (None, set())):
        changed = {part: [replace(u, emotion=emotion) for u in sets[part]] for part in sets}
        everyone = [each for members in changed.values() for each in members]
        known = {key: f"word {key}" for key in ids(everyone)} if emotion else {}
        write(everyone, known, changed)
        assert all(optional(name) == tables for name in ("x", "x_train", "x_test"))
    with pytest.raises(ValueError, match="no utterance for x_valid; see what is missing"):
        write(union, words, sets | {"valid": []})


def test_split_of_a_directory_keeps_its_tables(tmp_path: Path):
    members = utterances(40, emotion="sad", language="eng", session="one")
    members = [replace(each, text=f"word {each.utterance_id}") for each in members]
    write_data_directory(tmp_path / "all", members)
    rejected = {"s0-000": "found silent later", "s7-1": "no sound"}
    write_rejected(tmp_path / "all", rejected)
    sets = split_directory(tmp_path / "all", tmp_path, "m", num_valid=5, num_test=10)
    sizes = {name: len(members) for name, members in sets.items()}
    assert sizes == {"m_train": 24, "m_valid": 5, "m_test": 10}
    names = {"wav.scp", "utt2spk", "text", "utt2emo", "utt2lang", "utt2session"}
    for name, size in sizes.items():
        assert validate_data_directory(tmp_path / name) == size
        assert set(read_data_directory(tmp_path / name)) == names
    everyone = [key for part in sets.values() for key in ids(part)]
    assert sorted(everyone) == sorted(set(ids(members)) - {"s0-000"})
    assert read_rejected(tmp_path / "m_train") == rejected
    assert len(read_table(tmp_path / "m_test/pairs/reconstruction/pairs")) == 10
    again = split_directory(tmp_path / "all", tmp_path / "2", "m", num_valid=5, num_test=10)
    assert again == sets
    other = split_directory(tmp_path / "all", tmp_path / "2", "m", num_valid=5, num_test=10, seed=1)
    assert other["m_valid"] != sets["m_valid"]


def test_the_command(tmp_path: Path):
    write_data_directory(tmp_path / "all", utterances(40))
    options = ["--data_dir", f"{tmp_path}/all", "--out_data", str(tmp_path), "--name", "m"]
    main(["split", *options, "--num_valid", "3", "--num_test", "6"])
    assert validate_data_directory(tmp_path / "m_train") == 31
    with pytest.raises(SystemExit, match=r"^prepare split: .*all: 40 utterances, of which 500"):
        main(["split", *options])
