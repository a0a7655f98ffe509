import random
from collections import Counter

import pytest

from espnet2_ext.data.directory import Utterance
from espnet2_ext.ser.folds import fold_hash
from espnet2_ext.ser.protocols import PROTOCOLS
from espnet2_ext.ser.splits import make_folds


def folds_of(name, utterances, **options):
    return make_folds(PROTOCOLS[name], utterances, **options)


def traits(ids, utterances, attribute):
    return {getattr(utterances[key], attribute) for key in ids}


ALL = ["loso", "lospko", "emobox", "loso_share", "speakers", "random"]
"""Protocols of any corpus; for superb see test_superb_lists.py."""


@pytest.mark.parametrize("name", ALL)
def test_every_utterance_is_tested_once_and_stands_once_in_a_fold(name, utterances):
    folds = folds_of(name, utterances)
    assert sorted(key for fold in folds for key in fold.test) == sorted(utterances)
    for number, fold in enumerate(folds, start=1):
        assert fold.name == f"fold_{number}"
        assert sorted(fold.train + fold.valid + fold.test) == sorted(utterances)
        for part, ids in fold.parts.items():
            assert bool(ids) == ((name, part) != ("emobox", "valid"))
            assert list(ids) == sorted(ids)


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_utterances_does_not_matter(name, utterances):
    shuffled = list(utterances.items())
    random.Random(1).shuffle(shuffled)
    assert folds_of(name, dict(shuffled), seed=3) == folds_of(name, utterances, seed=3)


@pytest.mark.parametrize("name", ["loso", "loso_share", "speakers", "random"])
def test_another_seed_gives_other_folds(name, utterances):
    assert len({tuple(folds_of(name, utterances, seed=seed)) for seed in range(6)}) > 3


def test_leave_one_session_out(utterances):
    folds = folds_of("loso", utterances)
    assert len(folds) == 5
    for number, fold in enumerate(folds, start=1):
        assert traits(fold.test, utterances, "session") == {f"Ses0{number}"}
        (session,) = traits(fold.valid, utterances, "session")
        assert len(fold.valid) == 16 and len(fold.train) == 48
        assert len(traits(fold.train, utterances, "session")) == 3
        assert fold.description == f"test Ses0{number}; valid {session}"
    # The session whose sha256 of "0\nfold_1\nvalidation group\nSes02" and so on is least.
    drawn = [fold.description[-5:] for fold in folds]
    assert drawn == ["Ses05", "Ses01", "Ses04", "Ses02", "Ses04"]
    of_seeds = Counter(folds_of("loso", utterances, seed=s)[0].description for s in range(200))
    assert len(of_seeds) == 4 and min(of_seeds.values()) > 25


def test_leave_one_speaker_out(utterances):
    folds = folds_of("lospko", utterances)
    assert [fold.description for fold in folds[:3]] == [
        "test 1f; valid 1m", "test 1m; valid 1f", "test 2f; valid 2m",
    ]  # fmt: skip
    assert len(folds) == 10
    for fold in folds:
        (session,) = traits(fold.test + fold.valid, utterances, "session")
        assert len(traits(fold.test, utterances, "speaker")) == 1
        assert len(traits(fold.valid, utterances, "speaker")) == 1
        assert len(traits(fold.train, utterances, "speaker")) == 8
        assert session not in traits(fold.train, utterances, "session")
    assert folds_of("lospko", utterances, seed=7) == folds


def test_a_fifth_of_the_other_sessions(utterances):
    folds = folds_of("loso_share", utterances)
    for number, fold in enumerate(folds, start=1):
        assert traits(fold.test, utterances, "session") == {f"Ses0{number}"}
        assert len(fold.train) == 51  # int(0.8 * 64)
        assert len(fold.valid) == 13
    # Golden: what superb and emobox drew before their lists were those of S3PRL and EmoBox.
    labels = {key: utterance.emotion for key, utterance in utterances.items()}
    assert [fold_hash(fold, labels)[:8] for fold in folds] == [
        "1ee4b0d9", "b9eba61d", "0b5b78f0", "55f89fca", "d27a7a4b",
    ]  # fmt: skip


def test_emobox_trains_on_all_other_sessions(utterances):
    folds = folds_of("emobox", utterances)
    assert folds == folds_of("emobox", utterances, seed=3)
    for number, fold in enumerate(folds, start=1):
        assert traits(fold.test, utterances, "session") == {f"Ses0{number}"}
        assert (len(fold.train), fold.valid, len(fold.test)) == (64, (), 16)
        assert fold.description == f"test Ses0{number}; valid nothing"


def test_sizes_of_iemocap():
    # Utterances of the five sessions; int(0.8 * n) of the others train, as SUPERB has it.
    sizes = {"1": 1085, "2": 1023, "3": 1151, "4": 1031, "5": 1241}
    corpus = {
        f"{session}-{index}": Utterance(
            f"{session}-{index}", session, "x", emotion="sad", session=session
        )
        for session, size in sizes.items()
        for index in range(size)
    }

    def found(name):
        return [tuple(len(ids) for ids in fold.parts.values()) for fold in folds_of(name, corpus)]

    assert found("loso_share") == [
        (3556, 890, 1085), (3606, 902, 1023), (3504, 876, 1151), (3600, 900, 1031),
        (3432, 858, 1241),
    ]  # fmt: skip
    assert found("emobox") == [
        (4446, 0, 1085), (4508, 0, 1023), (4380, 0, 1151), (4500, 0, 1031), (4290, 0, 1241),
    ]  # fmt: skip


@pytest.mark.parametrize("num_folds", [3, 4, 10])
def test_groups_of_speakers(utterances, num_folds):
    folds = folds_of("speakers", utterances, num_folds=num_folds)
    assert len(folds) == num_folds
    for index, fold in enumerate(folds):
        sides = [traits(ids, utterances, "speaker") for ids in fold.parts.values()]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 10
        assert 10 // num_folds <= len(sides[2]) <= -(-10 // num_folds)
        assert fold.valid == folds[(index + 1) % num_folds].test


def test_groups_of_speakers_balance_utterances():
    # One speaker has as many utterances as the three others together.
    sizes = {"a": 30, "b": 10, "c": 10, "d": 10}
    corpus = {
        f"{s}-{i}": Utterance(f"{s}-{i}", s, "x", emotion="sad")
        for s, size in sizes.items()
        for i in range(size)
    }
    for seed in range(20):
        tests = [fold.test for fold in folds_of("speakers", corpus, seed=seed, num_folds=3)]
        assert all(tests)
        assert traits(max(tests, key=len), corpus, "speaker") >= {"a"}


def test_groups_of_utterances_keep_emotions_in_proportion(utterances):
    for fold in folds_of("random", utterances, num_folds=4):
        assert len(fold.test) == len(fold.valid) == 20
        counts = Counter(utterances[key].emotion for key in fold.test)
        assert set(counts.values()) == {5}
        assert traits(fold.test, utterances, "speaker") & traits(fold.train, utterances, "speaker")


@pytest.mark.parametrize("name", ALL)
def test_max_train_limits_training_alone(name, utterances):
    whole, limited = folds_of(name, utterances), folds_of(name, utterances, max_train=20)
    for fold, small in zip(whole, limited, strict=True):
        assert (small.valid, small.test) == (fold.valid, fold.test)
        assert len(small.train) == 20 and set(small.train) < set(fold.train)
        sizes = Counter(utterances[key].emotion for key in fold.train)
        counts = Counter(utterances[key].emotion for key in small.train)
        for emotion, size in sizes.items():
            assert abs(counts[emotion] - 20 * size / len(fold.train)) < 1
        assert small.description == f"{fold.description}; train 20 drawn of {len(fold.train)}"
    assert folds_of(name, utterances, max_train=80) == whole
    other = folds_of(name, utterances, max_train=20, seed=1)
    assert [fold.train for fold in other] != [fold.train for fold in limited]


@pytest.fixture
def write_given(tmp_path, utterances):
    def write(column, value):
        lines = [f"utterance,{column}", *(f"{key},{value(key)}" for key in utterances)]
        (tmp_path / "given.csv").write_text("\n".join(lines))
        return tmp_path / "given.csv"

    return write


def test_given_folds(utterances, write_given):
    # Folds 1, 2 and 10 sort as numbers.
    path = write_given("fold", lambda key: {"1": 10, "2": 1}.get(key[0], 2))
    folds = folds_of("given", utterances, folds_csv=path)
    assert [fold.description for fold in folds] == [
        "test 1; valid 2", "test 2; valid 10", "test 10; valid 1",
    ]  # fmt: skip
    assert traits(folds[0].test, utterances, "session") == {"Ses02"}
    assert traits(folds[0].train, utterances, "session") == {"Ses01"}


def test_given_parts(utterances, write_given):
    parts = {"1": "test", "2": "valid", "5": "unused"}
    path = write_given("part", lambda key: parts.get(key[0], "train"))
    (fold,) = folds_of("given", utterances, folds_csv=path, max_train=12)
    assert fold.name == "fold_1" and len(fold.train) == 12
    for part, session in (("test", "Ses01"), ("valid", "Ses02")):
        assert traits(fold.parts[part], utterances, "session") == {session}
    assert traits(fold.train, utterances, "session") <= {"Ses03", "Ses04"}


def test_given_refuses(utterances, write_given):
    path = write_given("part", lambda key: "test" if key[0] == "1" else "train")
    with pytest.raises(ValueError, match="given fold_1: valid is empty"):
        folds_of("given", utterances, folds_csv=path)
    path = write_given("fold", lambda key: key[0] == "1")
    with pytest.raises(ValueError, match="given: train, valid and test need at least 3 folds, not"):
        folds_of("given", utterances, folds_csv=path)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("loso", {"num_folds": 5}, "loso: num_folds follows from the data"),
        ("given", {"num_folds": 5, "folds_csv": "x"}, "given: num_folds follows from the data"),
        ("random", {"num_folds": 2}, "random: num_folds is 2; train, valid and test need at least"),
        ("speakers", {"num_folds": 11}, "speakers: 10 speakers do not fill 11 folds; lower"),
        ("random", {"num_folds": 81}, "random fold_80: valid is empty"),
        ("loso", {"max_train": 0}, "loso: max_train is 0; give at least 1"),
        ("loso", {"max_train": 3}, "loso fold_1: max_train: a subset of 3 of 48 utterances has no"),
        ("loso", {"folds_csv": "x"}, "loso: protocol 'given' and folds_csv go together"),
        ("given", {}, "given: protocol 'given' and folds_csv go together"),
    ],
)
def test_options_that_do_not_fit(name, options, message, utterances):
    with pytest.raises(ValueError, match=message):
        folds_of(name, utterances, **options)


@pytest.mark.parametrize("name", ["loso", "lospko", "emobox", "loso_share"])
def test_sessions_must_be_known(name, change):
    with pytest.raises(ValueError, match=f"{name}: .*: has no session; the data.*utt2session"):
        folds_of(name, change("3f-0", session=None))


def test_sessions_must_be_enough_and_pairs(utterances, change):
    two = {key: value for key, value in utterances.items() if key[0] in "12"}
    with pytest.raises(ValueError, match="loso: .* at least 3 of session; the data have 2"):
        folds_of("loso", two)
    one = {key: value for key, value in utterances.items() if key[0] == "1"}
    for name in ("emobox", "loso_share"):
        with pytest.raises(ValueError, match=f"{name} fold_1: train is empty"):
            folds_of(name, one)
    three = change("1f-0", speaker="1x")
    with pytest.raises(ValueError, match="session Ses01 has the speakers 1f, 1m, 1x; it needs two"):
        folds_of("lospko", three)
    wandering = change("1f-0", session="Ses06") | {
        "6m-0": Utterance("6m-0", "6m", "x", emotion="sad", session="Ses06")
    }
    with pytest.raises(ValueError, match="session Ses06 .* who are in no other session"):
        folds_of("lospko", wandering)


@pytest.mark.parametrize("name", ["speakers", "lospko"])
def test_unknown_speakers_cannot_be_kept_apart(name, utterances):
    own = {f"{key}-{key}": Utterance(f"{key}-{key}", key, "x", emotion="sad") for key in utterances}
    with pytest.raises(ValueError, match=f"{name}: .* speakers are unknown; use protocol random"):
        folds_of(name, own)


def test_an_emotion_that_is_not_trained_on(change):
    with pytest.raises(ValueError, match="fold_1: 1f-0 is 'bored', which no training utterance"):
        folds_of("loso", change("1f-0", emotion="bored"))
    with pytest.raises(ValueError, match="1f-0: has no emotion"):
        folds_of("loso", change("1f-0", emotion=None))
