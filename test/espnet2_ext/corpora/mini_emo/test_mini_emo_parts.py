from collections import Counter
from itertools import combinations

import pytest

from espnet2_ext.corpora.mini_emo.prepare import MiniEmoSize, plan_sets
from espnet2_ext.corpora.mini_emo.speech import EMOTIONS


@pytest.fixture(scope="module")
def sets():
    return plan_sets(MiniEmoSize(), seed=0)


def test_counts_of_the_whole_corpus(sets):
    assert {name: len(utterances) for name, utterances in sets.items()} == {
        "mini_emo_train": 1560,
        "mini_emo_valid": 60,
        "mini_emo_test": 200,
        "mini_emo_iemocap": 600,
        "mini_emo_esd_train": 192,
        "mini_emo_esd_valid": 64,
        "mini_emo_esd_test": 128,
    }
    ids = [u.utterance_id for utterances in sets.values() for u in utterances]
    assert len(set(ids)) == 2804


def test_no_sentence_stands_in_two_sets_and_none_twice_in_training(sets):
    texts = {name: {u.text for u in utterances} for name, utterances in sets.items()}
    for first, second in combinations(texts, 2):
        assert not texts[first] & texts[second]
    assert len(texts["mini_emo_train"]) == 1560


def test_voices_of_the_parts_are_disjoint(sets):
    voices = {name: {u.voice.speaker for u in utterances} for name, utterances in sets.items()}
    assert voices["mini_emo_test"] < voices["mini_emo_train"] == voices["mini_emo_valid"]
    parts = [voices[f"mini_emo_{name}"] for name in ("train", "iemocap", "esd_train")]
    assert [len(part) for part in parts] == [60, 10, 4]
    assert len(set.union(*parts)) == 74


def test_training_emotions_are_balanced_in_every_voice(sets):
    counts = Counter((u.voice.speaker, u.emotion) for u in sets["mini_emo_train"])
    assert set(counts.values()) == {6, 7}


def test_parallel_sets_hold_every_sentence_in_every_emotion(sets):
    for name in ("mini_emo_test", "mini_emo_esd_test"):
        counts = Counter((u.voice.speaker, u.text) for u in sets[name])
        assert set(counts.values()) == {len(EMOTIONS)}
    spoken = Counter(u.text for u in sets["mini_emo_esd_test"])
    assert len(spoken) == 8 and set(spoken.values()) == {4 * len(EMOTIONS)}


def test_iemocap_part_has_its_proportions_and_sessions(sets):
    utterances = sets["mini_emo_iemocap"]
    assert Counter(u.emotion for u in utterances) == {
        "neutral": 185,  # 600 * 1708 / 5531 = 185.3
        "angry": 120,  # 600 * 1103 / 5531 = 119.7
        "happy": 177,  # 600 * 1636 / 5531 = 177.5
        "sad": 118,  # 600 * 1084 / 5531 = 117.6
    }
    speakers = {u.session: set() for u in utterances}
    for utterance in utterances:
        speakers[utterance.session].add(utterance.voice.speaker)
    assert speakers == {f"Ses0{i}": {f"i{i}f", f"i{i}m"} for i in range(1, 6)}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"test_voices": 1}, "test_voices is 1"),
        ({"num_voices": 4}, r"must be 2 to num_voices \(4\)"),
        ({"test_sentences": 1}, "at least 2"),
        ({"esd_sentences": (1, 1, 1)}, "at least 2"),
        ({"utterances_per_voice": 0}, "at least 1"),
        ({"esd_sentences": (0, 1, 2)}, "at least 1"),
    ],
)
def test_impossible_size_is_an_error(wrong: dict, message: str):
    with pytest.raises(ValueError, match=message):
        MiniEmoSize(**wrong)
