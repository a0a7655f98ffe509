"""Pairs of ESD follow their rules, in whole sets and in sets with holes."""

from collections import Counter
from pathlib import Path

import pytest

from espnet2_ext.corpora.esd import EsdId, expected_ids, parse_id
from espnet2_ext.data.pairs import check_targets, make_pairs, read_pairs, write_pairs

TEST_SET = [key for key in expected_ids(["0001", "0013"]) if key.split == "test"]
TARGETS = ("angry", "happy", "sad")


def key_of(utterance_id: str) -> EsdId:
    """Return the id in ``<speaker>-<original id>``."""
    speaker, _, name = utterance_id.partition("-")
    key = parse_id(name)
    assert key is not None and key.speaker == speaker
    return key


@pytest.mark.parametrize("targets", [TARGETS, (*TARGETS, "surprised"), ("sad",)])
def test_rules(targets: tuple[str, ...]):
    tables, impossible = make_pairs(TEST_SET, targets, 0)
    assert list(tables) == ["same_voice", "parallel"] and impossible == []
    for rule, table in tables.items():
        assert len(table["pairs"]) == 2 * 30 * len(targets)
        assert table["pairs"].keys() == table["targets"].keys() == table["conditions"].keys()
        for pair, value in table["pairs"].items():
            source, prosody, voice = (key_of(name) for name in value.split())
            target = key_of(table["targets"][pair])
            assert pair == f"{source.utterance_id}_to_{target.emotion}"
            assert table["conditions"][pair] == f"neutral-{target.emotion}"
            assert source.emotion == voice.emotion == "neutral"
            assert source.speaker == prosody.speaker == voice.speaker == target.speaker
            assert target.emotion == prosody.emotion in targets
            assert target.sentence == source.sentence != voice.sentence
            assert {key.split for key in (source, prosody, voice, target)} == {"test"}
            if rule == "parallel":
                assert prosody == target
            else:
                assert prosody.sentence not in (source.sentence, voice.sentence)


def test_rules_differ_in_the_prosody_alone():
    same_voice, parallel = make_pairs(TEST_SET, TARGETS, 0)[0].values()
    for pair, value in same_voice["pairs"].items():
        assert value.split()[::2] == parallel["pairs"][pair].split()[::2]
    for table in ("targets", "conditions", "wrong_sentence"):
        assert same_voice[table] == parallel[table]


def test_wrong_sentence_is_neutral_and_by_the_same_speaker():
    table = make_pairs(TEST_SET, TARGETS, 0)[0]["parallel"]["wrong_sentence"]
    assert len(table) == 60
    for source, wrong in ((key_of(source), key_of(wrong)) for source, wrong in table.items()):
        assert source.speaker == wrong.speaker and source.sentence != wrong.sentence
        assert source.emotion == wrong.emotion == "neutral"


def test_seed_draws_and_one_speaker_has_the_pairs_it_has_among_all():
    first, second = (make_pairs(TEST_SET, TARGETS, seed)[0]["same_voice"] for seed in (0, 1))
    assert first == make_pairs(reversed(TEST_SET), TARGETS, 0)[0]["same_voice"]
    assert first["pairs"] != second["pairs"] and first["targets"] == second["targets"]
    used = Counter(value.split()[1] for value in first["pairs"].values())
    assert len(used) > 90  # of 180 utterances, not a few again and again
    alone = make_pairs([key for key in TEST_SET if key.speaker == "0013"], TARGETS, 0)[0]
    for name, table in alone["same_voice"].items():
        assert table == {key: first[name][key] for key in first[name] if key.startswith("0013")}


@pytest.mark.parametrize(
    ("numbers", "made", "impossible"),
    [
        ({21, 22, 23, 371, 372}, ["21", "22"], ["23"]),  # 23 has no parallel utterance
        ({21, 22, 23, 371}, [], ["21", "22", "23"]),  # no other angry sentence, or no parallel
        ({21, 22, 371, 372}, [], ["21", "22"]),  # no neutral third sentence for the voice
        ({371, 372, 373}, [], []),  # no sources
    ],
)
def test_pairs_that_cannot_be_made_are_listed(
    numbers: set[int], made: list[str], impossible: list[str]
):
    tables, left_out = make_pairs([EsdId("0013", number) for number in numbers], ("angry",), 0)
    for table in tables.values():
        assert list(table["pairs"]) == [f"0013-0013_0000{number}_to_angry" for number in made]
        assert list(table["wrong_sentence"]) == [f"0013-0013_0000{number}" for number in made]
    assert left_out == [f"0013-0013_0000{number}_to_angry" for number in impossible]


def test_tables_are_what_the_conversion_reads(tmp_path: Path):
    table = make_pairs(TEST_SET, TARGETS, 0)[0]["same_voice"]
    write_pairs(tmp_path, table)
    pairs = read_pairs(tmp_path / "pairs")
    assert {pair.pair_id: f"{pair.source} {pair.prosody} {pair.speaker}" for pair in pairs} == (
        table["pairs"]
    )


@pytest.mark.parametrize("targets", [(), ("neutral",), ("surprise",), ("sad", "sad")])
def test_wrong_targets_are_one_line(targets: tuple[str, ...]):
    message = f"targets are {' '.join(targets) or 'none'}; give some of angry happy sad surprised"
    with pytest.raises(ValueError, match=message):
        check_targets(targets, ["neutral", "angry", "happy", "sad", "surprised"])
