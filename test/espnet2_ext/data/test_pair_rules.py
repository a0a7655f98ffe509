from pathlib import Path

import numpy as np
import pytest

from espnet2_ext.bin import derive_pairs
from espnet2_ext.data.pairs import Pair, average_tables, intensity_tables, read_pairs
from espnet2_ext.data.tables import read_table, write_table

EMOTIONS = ("neutral", "angry", "sad")


@pytest.fixture
def data(tmp_path: Path) -> Path:
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


def test_every_list_has_its_tables_and_states_its_rule(data: Path) -> None:
    derive(data, "--num_references", "2", "--pairs_per_condition", "3")
    base = data / "pairs/same_voice"
    for name in ("parallel", "average"):
        for table in ("targets", "conditions", "wrong_sentence"):
            assert (base.parent / name / table).read_text() == (base / table).read_text()
    rules = {path.parent.name: path.read_text() for path in base.parent.glob("*/rule")}
    assert rules.keys() == {"same_voice", "parallel", "average", "intensity"}
    assert "up to 2 other sentences" in rules["average"]
    assert all(len(rule.splitlines()) == 1 for rule in rules.values())


def test_parallel_takes_the_target_and_keeps_source_and_voice(data: Path) -> None:
    derive(data)
    targets = read_table(data / "pairs/parallel/targets")
    base = read_pairs(data / "pairs/same_voice/pairs")
    for pair, before in zip(read_pairs(data / "pairs/parallel/pairs"), base, strict=True):
        assert (pair.pair_id, pair.source, pair.speaker) == (
            before.pair_id, before.source, before.speaker
        )  # fmt: skip
        assert (pair.prosody, pair.mix) == (targets[pair.pair_id], ())


def test_average_is_of_other_sentences_of_that_voice_and_emotion(data: Path) -> None:
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


def test_average_takes_all_where_there_are_fewer_and_depends_on_the_seed_alone(data: Path) -> None:
    derive(data, "--num_references", "9")
    assert all(len(pair.mix) == 3 for pair in read_pairs(data / "pairs/average/pairs"))
    found = []
    for seed in ("1", "1", "2"):
        derive(data, "--num_references", "1", "--seed", seed)
        found.append((data / "pairs/average/prosody_mix").read_text())
    assert found[0] == found[1] != found[2]


def test_a_reference_with_the_words_of_the_source_is_none() -> None:
    pair = Pair("p", "s", "r", "s")
    tables = {
        "utt2spk": dict.fromkeys(("s", "t", "r", "x"), "v"),
        "utt2emo": {"s": "neutral", "t": "sad", "r": "sad", "x": "sad"},
        "text": {"s": "one", "t": "one", "r": "two", "x": "one"},
    }
    found = average_tables([pair], {"p": "t"}, tables, num_references=5, seed=0)
    assert found["prosody_mix"] == {"p": "r 1.0"}
    with pytest.raises(ValueError, match="num_references is 0"):
        average_tables([pair], {"p": "t"}, tables, num_references=0, seed=0)
    tables["text"]["r"] = "one"
    with pytest.raises(ValueError, match="p: v says no other sentence sad"):
        average_tables([pair], {"p": "t"}, tables, num_references=5, seed=0)


def test_intensity_leads_from_the_source_to_the_reference(data: Path) -> None:
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


def test_intensity_of_an_average_scales_the_average() -> None:
    pair = Pair("p", "s", "r", "s", (("r", 0.5), ("q", 0.5)))
    tables = intensity_tables(
        [pair], {"p": "c"}, intensities=[0.0, 0.5], pairs_per_condition=None, seed=0
    )
    assert tables["prosody_mix"]["p_at_0.5"] == "s 0.5 r 0.25 q 0.25"
    weights = [float(w) for w in tables["prosody_mix"]["p_at_0"].split()[1::2]]
    np.testing.assert_array_equal(weights, [1, 0, 0])
    for intensities in ([1.0], [0.5, 0.5]):
        with pytest.raises(ValueError, match="give two or more different ones"):
            intensity_tables(
                [pair], {"p": "c"}, intensities=intensities, pairs_per_condition=None, seed=0
            )


def test_an_error_is_one_line(data: Path) -> None:
    (data / "utt2emo").unlink()
    with pytest.raises(SystemExit, match="derive_pairs: .*utt2emo"):
        derive(data)
