"""The directory of all that is for pretraining, and the sets drawn from one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.pretraining import (
    draw_validation,
    split_directory,
    with_another_voice,
    write_with_union,
)
from espnet2_ext.data.directory import (
    Utterance,
    read_data_directory,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected


def utterances(number: int, speakers: int = 5, **fields: str) -> list[Utterance]:
    return [
        Utterance(f"s{i % speakers}-{i:03d}", f"s{i % speakers}", f"/{i}.flac", **fields)
        for i in range(number)
    ]


def ids(members: Sequence[Utterance]) -> list[str]:
    return [utterance.utterance_id for utterance in members]


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
    sets = {"train": members[:6], "valid": members[6:7], "test": [members[7], members[2]]}
    sets["test"] = [replace(u, emotion=None) for u in [members[7], members[2]]]
    sets["train"] = [members[i] for i in (0, 1, 3, 4, 5)]
    union = [*sets["train"], *sets["valid"]]
    words = {key: f"word {key}" for key in ids(union)}
    rejected, alone = {"s9-1": "no sound"}, {"s8-1": "alone"}
    written = write_with_union(tmp_path, "x", sets, union, words, rejected, alone)
    assert set(written) == {"x", "x_train", "x_valid", "x_test"}
    assert validate_data_directory(tmp_path / "x") == 6
    tables = read_data_directory(tmp_path / "x").tables
    assert tables["text"]["s0-000"] == "word s0-000" and tables["utt2emo"]["s0-000"] == "sad"
    assert not (tmp_path / "x_test/utt2emo").exists()
    assert not (tmp_path / "x_train/text").exists()  # the test set has no words
    assert read_rejected(tmp_path / "x") == read_rejected(tmp_path / "x_train") == rejected
    assert read_rejected(tmp_path / "x_test") == alone
    everything = [*union, *sets["test"]]
    write_with_union(tmp_path, "x", sets, everything, words, rejected, alone)
    tables = read_data_directory(tmp_path / "x").tables
    assert len(tables["wav.scp"]) == 8 and not {"text", "utt2emo"} & tables.keys()
    # The same utterances, first with words and emotions and then without.
    known = {**words, **{key: f"word {key}" for key in ids(sets["test"])}}
    for members in sets.values():
        members[:] = [replace(each, emotion="sad") for each in members]
    everything = [each for members in sets.values() for each in members]
    write_with_union(tmp_path, "x", sets, everything, known, rejected, alone)
    assert {"text", "utt2emo"} <= read_data_directory(tmp_path / "x_train").tables.keys()
    assert {"text", "utt2emo"} <= read_data_directory(tmp_path / "x").tables.keys()
    for members in sets.values():
        members[:] = [replace(each, emotion=None) for each in members]
    everything = [each for members in sets.values() for each in members]
    write_with_union(tmp_path, "x", sets, everything, {}, rejected, alone)
    for name in ("x", "x_train", "x_test"):
        tables = read_data_directory(tmp_path / name).tables
        assert not {"text", "utt2emo"} & tables.keys(), name
    with pytest.raises(ValueError, match="no utterance for x_valid; see what is missing"):
        write_with_union(tmp_path, "x", sets | {"valid": []}, union, words, {}, {})


def test_split_of_a_directory_keeps_its_tables(tmp_path: Path):
    members = utterances(40, emotion="sad", language="eng", session="one")
    members = [replace(each, text=f"word {each.utterance_id}") for each in members]
    write_data_directory(tmp_path / "all", members)
    write_rejected(tmp_path / "all", {"s0-000": "found silent later", "s7-1": "no sound"})
    sets = split_directory(tmp_path / "all", tmp_path, "m", num_valid=5, num_test=10)
    sizes = {name: len(members) for name, members in sets.items()}
    assert sizes == {"m_train": 24, "m_valid": 5, "m_test": 10}
    names = {"wav.scp", "utt2spk", "text", "utt2emo", "utt2lang", "utt2session"}
    for name, size in sizes.items():
        assert validate_data_directory(tmp_path / name) == size
        assert set(read_data_directory(tmp_path / name).tables) == names
    assert sorted(key for members in sets.values() for key in ids(members)) == sorted(
        set(ids(members)) - {"s0-000"}
    )
    assert read_rejected(tmp_path / "m_train") == {
        "s0-000": "found silent later",
        "s7-1": "no sound",
    }
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
