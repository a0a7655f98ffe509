"""Sets of a corpus for pretraining: sizes, whom the test set may hold, pairs, words, union."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.pretraining import (
    ALONE,
    reconstruction_pairs,
    split_directory,
    split_for_pretraining,
    write_pretraining_sets,
)
from espnet2_ext.data.directory import (
    Utterance,
    read_data_directory,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected


def make(**numbers: int) -> list[Utterance]:
    """Return so many utterances of each speaker."""
    return [
        Utterance(f"{speaker}-{index:04d}", speaker, f"/{speaker}/{index}.wav", emotion="sad")
        for speaker, number in numbers.items()
        for index in range(number)
    ]


def ids(members: Iterable[Utterance]) -> list[str]:
    return [utterance.utterance_id for utterance in members]


@pytest.mark.parametrize("num_test", [20, 0])
def test_sets_are_disjoint_and_drawn_by_the_seed_alone(num_test: int):
    utterances = make(a=40, b=40, c=40)
    sets = split_for_pretraining(utterances, num_valid=10, num_test=num_test, seed=1)
    sizes = {name: len(members) for name, members in sets.items()}
    assert sizes == dict(train=110 - num_test, valid=10, test=num_test)
    everyone = [key for members in sets.values() for key in ids(members)]
    assert sorted(everyone) == sorted(ids(utterances))
    assert all(ids(members) == sorted(ids(members)) for members in sets.values())
    random.Random(0).shuffle(utterances)
    assert sets == split_for_pretraining(utterances, num_valid=10, num_test=num_test, seed=1)
    other = split_for_pretraining(utterances, num_valid=10, num_test=num_test, seed=2)
    assert other["valid"] != sets["valid"] and (other["test"] != sets["test"]) == bool(num_test)


def test_every_speaker_of_the_test_set_has_a_second_utterance_and_is_heard_in_training():
    numbers = {f"few{n}": 3 for n in range(30)} | {f"one{n}": 1 for n in range(300)}
    utterances = make(**numbers, some=5, many=40)
    for seed in range(20):
        sets = split_for_pretraining(utterances, num_valid=1, num_test=13, seed=seed)
        tested = Counter(u.speaker for u in sets["test"])
        assert set(tested) <= {"some", "many"} and min(tested.values()) >= 2
        assert tested["some"] <= 2 and 11 <= sum(tested.values()) <= 13
        assert set(tested) <= {u.speaker for u in sets["train"]}


def test_sets_that_cannot_be_drawn():
    with pytest.raises(
        ValueError, match="9 utterances, of which 4 for validation and 5 for the te"
    ):
        split_for_pretraining(make(a=9), num_valid=4, num_test=5)
    with pytest.raises(ValueError, match="no speaker has four utterances, so there can be no test"):
        split_for_pretraining(make(a=3, b=3, c=3), num_valid=1, num_test=2)


def test_pairs_take_speakers_in_turn_and_another_utterance_for_the_voice(monkeypatch):
    monkeypatch.setattr("espnet2_ext.corpora.pretraining.NUM_PAIRS", 7)
    tables = reconstruction_pairs(make(a=4, b=2, c=3))
    assert Counter(key[0] for key in tables["pairs"]) == dict(a=3, b=2, c=2)
    for key, value in tables["pairs"].items():
        source, prosody, voice = value.split()
        assert source == prosody == key == tables["targets"][key]
        assert voice != key and voice[0] == key[0]
        assert tables["wrong_sentence"][key] == voice


def test_the_other_utterance_has_other_words_where_they_are_known():
    utterances = make(a=4, b=2)
    keys = ids(utterances)
    words = dict(zip(keys, ["same", "same", "same", "other", "alike", "alike"]))
    tables = reconstruction_pairs(utterances, words)
    assert tables["wrong_sentence"] == dict(zip(keys, [keys[3]] * 3 + [keys[0]]))
    with pytest.raises(ValueError, match="no speaker of the test set says two different things"):
        reconstruction_pairs(utterances[4:], words)
    assert len(reconstruction_pairs(utterances[4:], {keys[4]: "alike"})["pairs"]) == 2


def test_sets_and_their_union(tmp_path: Path):
    sets = split_for_pretraining(make(a=20, b=20), num_valid=5, num_test=10)
    alone = Utterance("c-0000", "c", "/c.wav", emotion="sad")
    words = {key: f"word {key}" for members in sets.values() for key in ids(members)}
    rejected = {"x": "no wav"}

    def write(words: dict[str, str], *, emotion: str | None = "sad", whole: bool = False):
        changed = {**sets, "test": [replace(u, emotion=emotion) for u in (*sets["test"], alone)]}
        union = changed["train"] + changed["valid"] + (changed["test"] if whole else [])
        written = write_pretraining_sets(tmp_path, "x", changed, words, rejected, union=union)
        assert list(written) == ["x", "x_train", "x_valid", "x_test"]
        for name, members in written.items():
            assert validate_data_directory(tmp_path / name) == len(members)
        assert len(written["x_test"]) == len(sets["test"])
        assert len(written["x"]) == len(union)

    write(words)
    assert read_rejected(tmp_path / "x") == read_rejected(tmp_path / "x_train") == rejected
    assert read_rejected(tmp_path / "x_valid") == {}
    assert read_rejected(tmp_path / "x_test") == {"c-0000": ALONE}
    assert read_table(tmp_path / "x_train/text") == {key: words[key] for key in ids(sets["train"])}
    directory = tmp_path / "x_test/pairs/reconstruction"
    assert read_table(directory / "pairs").keys() == set(ids(sets["test"]))
    assert (directory / "rule").read_text().startswith("units and prosody of")

    # The test set has no emotions, and a word is missing: tables of the earlier run go.
    lacking = ids(sets["valid"])[0]
    del words[lacking]
    write(words, emotion=None)
    assert (tmp_path / "x_train/utt2emo").exists() and not (tmp_path / "x_test/utt2emo").exists()
    assert not (tmp_path / "x_train/text").exists()
    lines = [
        line
        for part in sets
        for line in (tmp_path / f"x_{part}/words.tsv").read_text().splitlines()
    ]
    assert dict(line.split("\t") for line in lines) == words and len(lines) == len(words)
    write(words, emotion=None, whole=True)
    assert not (tmp_path / "x/utt2emo").exists()
    with pytest.raises(ValueError, match="no utterance for x_valid; see what is missing"):
        write_pretraining_sets(tmp_path, "x", sets | {"valid": []}, words, rejected)


def test_split_of_a_directory_keeps_its_tables(tmp_path: Path):
    members = [
        replace(each, text=f"word {each.utterance_id}", language="eng", session="one")
        for each in make(s0=8, s1=8, s2=8, s3=8, s4=8)
    ]
    write_data_directory(tmp_path / "all", members)
    rejected = {"s0-0000": "found silent later", "s7-1": "no sound"}
    write_rejected(tmp_path / "all", rejected)
    sets = split_directory(tmp_path / "all", tmp_path, "m", num_valid=5, num_test=10)
    sizes = {name: len(members) for name, members in sets.items()}
    assert sizes == {"m_train": 24, "m_valid": 5, "m_test": 10}
    names = {"wav.scp", "utt2spk", "text", "utt2emo", "utt2lang", "utt2session"}
    for name, size in sizes.items():
        assert validate_data_directory(tmp_path / name) == size
        assert set(read_data_directory(tmp_path / name)) == names
    everyone = [key for part in sets.values() for key in ids(part)]
    assert sorted(everyone) == sorted(set(ids(members)) - {"s0-0000"})
    assert read_rejected(tmp_path / "m_train") == rejected
    options = ["--data_dir", f"{tmp_path}/all", "--out_data", f"{tmp_path}/2", "--name", "m"]
    main(["split", *options, "--num_valid", "5", "--num_test", "10"])
    for name in sizes:
        assert read_table(tmp_path / "2" / name / "text") == read_table(tmp_path / name / "text")
    with pytest.raises(SystemExit, match=r"^prepare split: .*all: 39 utterances, of which 500"):
        main(["split", *options])
