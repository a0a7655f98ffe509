"""Pairs of ESD follow their rules, in whole sets and in sets with holes."""

from collections import Counter
from pathlib import Path

import pytest

from espnet2_ext.bin import derive_pairs
from espnet2_ext.corpora.esd import EsdId, expected_ids, parse_id
from espnet2_ext.data.pairs import (
    Pair,
    check_targets,
    make_pairs,
    mix_text,
    read_pairs,
)
from espnet2_ext.data.tables import read_table, write_table


def test_what_is_read(tmp_path):
    (tmp_path / "pairs").write_text("p2 a-1 b-1 c-1\np1 a-1 b-1\n")
    plain = [Pair("p1", "a-1", "b-1", "a-1"), Pair("p2", "a-1", "b-1", "c-1")]
    assert read_pairs(tmp_path / "pairs") == plain
    assert plain[0].prosody_utterances == ("b-1",)
    (tmp_path / "pairs").write_text("p1 a-1 b-1\n")
    mix = (("b-1", 0.25), ("b-2", 1 / 3))
    (tmp_path / "prosody_mix").write_text(f"p1 {mix_text(mix)}\n")
    [pair] = read_pairs(tmp_path / "pairs")
    assert pair == Pair("p1", "a-1", "b-1", "a-1", mix)
    assert pair.prosody_utterances == ("b-1", "b-2")


@pytest.mark.parametrize(
    ("pairs", "mix", "message"),
    [
        ("p1 a-1", "p1 a-1 1.0", "p1: expected 'source prosody"),
        ("p1 a b c d", "p1 a-1 1.0", "p1: expected 'source prosody"),
        ("p1 a-1 b-1", "p1 a-1", "prosody_mix: p1: expected 'utterance weight ...'"),
        ("p1 a-1 b-1", "p1 a-1 0.5 a-2", "prosody_mix: p1: expected 'utterance weight ...'"),
        ("p1 a-1 b-1", "p2 a-1 1.0", "prosody_mix: its pairs are not those of .*see p1"),
    ],
)
def test_what_is_refused(tmp_path, pairs, mix, message):
    (tmp_path / "pairs").write_text(f"{pairs}\n")
    (tmp_path / "prosody_mix").write_text(f"{mix}\n")
    with pytest.raises(ValueError, match=message):
        read_pairs(tmp_path / "pairs")


EMOTIONS = ("neutral", "angry", "sad")


@pytest.fixture
def data(tmp_path):
    """Return data/<set> of two voices, four sentences in three emotions, with same_voice."""
    names = {f"{v}-{s}-{e}": (v, s, e) for v in "ab" for s in range(4) for e in EMOTIONS}
    data = tmp_path / "data"
    write_table(data / "utt2spk", {name: voice for name, (voice, _, _) in names.items()})
    write_table(data / "utt2emo", {name: emotion for name, (_, _, emotion) in names.items()})
    write_table(data / "text", {name: f"sentence {s}" for name, (_, s, _) in names.items()})
    tables = {"pairs": {}, "targets": {}, "conditions": {}, "wrong_sentence": {}}
    for voice in "ab":
        for sentence in range(4):
            source = f"{voice}-{sentence}-neutral"
            other = (sentence + 1) % 4
            tables["wrong_sentence"][source] = f"{voice}-{other}-neutral"
            for emotion in EMOTIONS[1:]:
                pair = f"{source}_to_{emotion}"
                tables["pairs"][pair] = f"{source} {voice}-{other}-{emotion} {source}"
                tables["targets"][pair] = f"{voice}-{sentence}-{emotion}"
                tables["conditions"][pair] = f"neutral-{emotion}"
    for name, table in tables.items():
        write_table(data / "pairs/same_voice" / name, table)
    return data


def derive(data: Path, *options: str) -> None:
    pairs = str(data / "pairs/same_voice")
    derive_pairs.main(["--pairs_dir", pairs, "--data_dir", str(data), *options])


def test_every_list_has_its_tables_and_states_its_rule(data):
    derive(data, "--num_references", "2", "--pairs_per_condition", "3")
    base = data / "pairs/same_voice"
    for name in ("parallel", "average"):
        for table in ("targets", "conditions", "wrong_sentence"):
            assert (base.parent / name / table).read_text() == (base / table).read_text()
    rules = {path.parent.name: path.read_text() for path in base.parent.glob("*/rule")}
    assert rules.keys() == {"same_voice", "parallel", "average", "intensity"}
    assert "up to 2 other sentences" in rules["average"]
    assert all(len(rule.splitlines()) == 1 for rule in rules.values())
    targets = read_table(data / "pairs/parallel/targets")
    assert read_pairs(data / "pairs/parallel/pairs") == [
        Pair(pair.pair_id, pair.source, targets[pair.pair_id], pair.speaker)
        for pair in read_pairs(base / "pairs")
    ]


def test_average_is_of_other_sentences_of_that_voice_and_emotion(data):
    derive(data, "--num_references", "2")
    texts, emotions = read_table(data / "text"), read_table(data / "utt2emo")
    pairs = read_pairs(data / "pairs/average/pairs")
    assert len(pairs) == 16
    for pair in pairs:
        assert [weight for _, weight in pair.mix] == [0.5, 0.5]
        assert len(set(pair.prosody_utterances)) == 2
        for name in pair.prosody_utterances:
            assert name[0] == pair.source[0]
            assert emotions[name] == pair.pair_id.rsplit("_", 1)[1]
            assert texts[name] != texts[pair.source]
    assert len({pair.mix for pair in pairs}) > 4, "not the same references for all"
    derive(data, "--num_references", "9")
    assert all(len(pair.mix) == 3 for pair in read_pairs(data / "pairs/average/pairs"))
    found = []
    for seed in ("1", "1", "2"):
        derive(data, "--num_references", "1", "--seed", seed)
        found.append((data / "pairs/average/prosody_mix").read_text())
    assert found[0] == found[1] != found[2]


def test_intensity_leads_from_the_source_to_the_reference(data):
    derive(data, "--intensities", "0", "0.25", "1", "--pairs_per_condition", "3")
    pairs = {pair.pair_id: pair for pair in read_pairs(data / "pairs/intensity/pairs")}
    scale = read_table(data / "pairs/intensity/scale")
    base = {pair.pair_id: pair for pair in read_pairs(data / "pairs/same_voice/pairs")}
    assert len(pairs) == len(scale) == 3 * 2 * 3
    for name, value in scale.items():
        parent, a = value.split()
        expected = ((base[parent].source, 1 - float(a)), (base[parent].prosody, float(a)))
        assert pairs[name].mix == expected
    conditions = list(read_table(data / "pairs/intensity/conditions").values())
    assert conditions.count("neutral-angry") == conditions.count("neutral-sad") == 9
    # Of an average the average is scaled.
    mixes = dict.fromkeys(base, "r 0.5 q 0.5")
    write_table(data / "pairs/same_voice/prosody_mix", mixes)
    derive(data, "--intensities", "0", "0.5")
    mixes = read_table(data / "pairs/intensity/prosody_mix")
    assert mixes["a-0-neutral_to_sad_at_0.5"] == "a-0-neutral 0.5 r 0.25 q 0.25"
    assert mixes["a-0-neutral_to_sad_at_0"] == "a-0-neutral 1.0 r 0.0 q 0.0"


def test_what_derive_pairs_refuses(data):
    for options, message in (
        (["--num_references", "0"], "num_references is 0: give 1 or more"),
        (["--intensities", "1"], "give two or more different ones"),
        (["--intensities", "0.5", "0.5"], "give two or more different ones"),
    ):
        with pytest.raises(SystemExit, match=message):
            derive(data, *options)
    write_table(data / "text", dict.fromkeys(read_table(data / "text"), "the same words"))
    with pytest.raises(SystemExit, match="a-0-neutral_to_angry: a says no other sentence angry"):
        derive(data)


TEST_SET = [key for key in expected_ids(["0001", "0013"]) if key.split == "test"]
TARGETS = ("angry", "happy", "sad")


def key_of(utterance_id: str) -> EsdId:
    """Return the id in ``<speaker>-<original id>``."""
    speaker, _, name = utterance_id.partition("-")
    key = parse_id(name)
    assert key is not None and key.speaker == speaker
    return key


@pytest.mark.parametrize("targets", [(*TARGETS, "surprised"), ("sad",)])
def test_rules(targets):
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
            wrong = key_of(table["wrong_sentence"][source.utterance_id])
            assert (wrong.speaker, wrong.emotion) == (source.speaker, "neutral")
            assert wrong.sentence != source.sentence
            if rule == "parallel":
                assert prosody == target
                same_voice = tables["same_voice"]["pairs"][pair].split()
                assert same_voice[::2] == value.split()[::2], "they differ in the prosody alone"
            else:
                assert prosody.sentence not in (source.sentence, voice.sentence)


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
def test_pairs_that_cannot_be_made_are_listed(numbers, made, impossible):
    tables, left_out = make_pairs([EsdId("0013", number) for number in numbers], ("angry",), 0)
    for table in tables.values():
        assert list(table["pairs"]) == [f"0013-0013_0000{number}_to_angry" for number in made]
        assert list(table["wrong_sentence"]) == [f"0013-0013_0000{number}" for number in made]
    assert left_out == [f"0013-0013_0000{number}_to_angry" for number in impossible]


def test_wrong_targets_are_one_line():
    for targets in ((), ("neutral",), ("surprise",), ("sad", "sad")):
        message = f"targets are {' '.join(targets) or 'none'}; give some of angry happy sad"
        with pytest.raises(ValueError, match=message):
            check_targets(targets, ["neutral", "angry", "happy", "sad"])
