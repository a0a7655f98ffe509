from pathlib import Path

import pytest

from espnet2_ext.corpora.mini_emo.prepare import MiniEmoSize, make_pairs, plan_sets
from espnet2_ext.data.pairs import write_pairs
from espnet2_ext.data.tables import read_table

SETS = plan_sets(MiniEmoSize(), seed=0)


@pytest.mark.parametrize(
    ("name", "other_voice", "count"),
    [
        ("mini_emo_test", False, 150),
        ("mini_emo_test", True, 150),
        ("mini_emo_esd_test", False, 96),
        ("mini_emo_esd_test", True, 96),
    ],
)
def test_pairs_follow_the_rules(name: str, other_voice: bool, count: int):
    by_id = {u.utterance_id: u for u in SETS[name]}
    tables = make_pairs(SETS[name], other_voice=other_voice)
    assert len(tables["pairs"]) == count
    assert tables["pairs"].keys() == tables["targets"].keys() == tables["conditions"].keys()
    for pair, value in tables["pairs"].items():
        source, prosody, speaker = (by_id[utterance] for utterance in value.split())
        target = by_id[tables["targets"][pair]]
        assert source.emotion == speaker.emotion == "neutral"
        assert tables["conditions"][pair] == f"neutral-{prosody.emotion}"
        assert prosody.emotion == target.emotion != "neutral"
        assert source.voice == speaker.voice == target.voice
        assert (prosody.voice != source.voice) == other_voice
        assert source.text == target.text
        assert len({source.text, prosody.text}) == 2 and speaker.text != source.text
        if not other_voice:
            assert speaker.text != prosody.text


def test_wrong_sentence_is_neutral_and_by_the_same_voice():
    by_id = {u.utterance_id: u for u in SETS["mini_emo_test"]}
    table = make_pairs(SETS["mini_emo_test"], other_voice=False)["wrong_sentence"]
    assert len(table) == 50
    for source, other in table.items():
        assert by_id[source].voice == by_id[other].voice
        assert by_id[source].text != by_id[other].text
        assert by_id[source].emotion == by_id[other].emotion == "neutral"


def test_tables_on_disk(tmp_path: Path):
    tables = make_pairs(SETS["mini_emo_esd_test"], other_voice=False)
    write_pairs(tmp_path / "pairs" / "same_voice", tables)
    for name, table in tables.items():
        assert read_table(tmp_path / "pairs" / "same_voice" / name) == table
