"""From utterances to folds: draws, S3PRL's lists, lists of the user, and every protocol."""

import hashlib
import json
import random
from collections import Counter

import pytest
import torch

from espnet2_ext.corpora.download import DownloadError
from espnet2_ext.data.directory import Utterance
from espnet2_ext.ser import splits
from espnet2_ext.ser.folds import fold_hash
from espnet2_ext.ser.protocols import PROTOCOLS
from espnet2_ext.ser.splits import (
    drawn_order,
    make_folds,
    read_given,
    read_superb,
    split_turns,
    stratified_subset,
)

ALL = ["loso", "lospko", "emobox", "loso_share", "speakers", "random"]
"""Protocols of any corpus."""


def folds_of(name, utterances, **options):
    return make_folds(PROTOCOLS[name], utterances, **options)


def traits(ids, utterances, attribute):
    return {getattr(utterances[key], attribute) for key in ids}


# for n in a b c d e; do printf '0\nx\n%s' $n | sha256sum | sed "s/-/$n/"; done | sort
DRAWN = list("cebad")


def test_drawn_order_depends_on_names_and_key_alone():
    assert drawn_order("abcde", 0, "x") == drawn_order("edcba", 0, "x") == DRAWN
    assert drawn_order("ace", 0, "x") == [name for name in DRAWN if name in "ace"]
    assert len({tuple(drawn_order("abcde", seed, "x")) for seed in range(20)}) > 10
    assert drawn_order("abcde", 0, "y") != DRAWN


@pytest.mark.parametrize(
    ("sizes", "total", "expected"),
    [
        # Shares 3.75, 2.5, 1.25, 2.5: one more to a, one to the first of two halves.
        ({"a": 30, "b": 20, "c": 10, "d": 20}, 10, {"a": 4, "b": 3, "c": 1, "d": 2}),
        # Shares of IEMOCAP: 39.88, 59.16, 61.76, 39.20.
        ({"a": 1103, "h": 1636, "n": 1708, "s": 1084}, 200, {"a": 40, "h": 59, "n": 62, "s": 39}),
    ],
)
def test_largest_remainders_by_hand(sizes, total, expected):
    labels = {f"{name}{i}": name for name, size in sizes.items() for i in range(size)}
    assert Counter(labels[key] for key in stratified_subset(labels, labels, total)) == expected


LABELS = {f"u{index:02d}": "sad" if index % 3 else "happy" for index in range(30)}


def test_a_subset_keeps_proportions_and_nests():
    small = stratified_subset(LABELS, LABELS, 6, 0)
    assert [LABELS[key] for key in small].count("happy") == 2
    assert small == sorted(set(small)) and len(small) == 6
    assert set(small) < set(stratified_subset(LABELS, LABELS, 12, 0))
    assert stratified_subset(list(reversed(LABELS)), LABELS, 6, 0) == small
    assert len({tuple(stratified_subset(LABELS, LABELS, 6, seed)) for seed in range(9)}) > 5
    assert stratified_subset(LABELS, LABELS, 30, 0) == list(LABELS)


SIZES = {"Ses01": 1085, "Ses02": 1023, "Ses03": 1151, "Ses04": 1031, "Ses05": 1241}
GOLDEN = {
    # turns: (to train, to validate, first and last place that validates, hash of all of them)
    4446: (3556, 890, 158, 3435, "e11aa627e2a8601f"),
    4508: (3606, 902, 2492, 1704, "d1f63d075aeadb64"),
    4380: (3504, 876, 727, 1292, "b6104a466c83651d"),
    4500: (3600, 900, 991, 382, "10fa391ff19c6702"),
    4290: (3432, 858, 1123, 3640, "bfe3bf00b5bf4fc2"),
}


@pytest.mark.parametrize("count", GOLDEN)
def test_the_permutation_is_golden_and_that_of_pytorch(count: int) -> None:
    assert list(GOLDEN) == [5531 - size for size in SIZES.values()]
    turns = [str(place) for place in range(count)]
    split = split_turns(turns)
    num_train, num_valid, first, last, digest = GOLDEN[count]
    assert (len(split.train), len(split.valid)) == (num_train, num_valid)
    assert (split.valid[0], split.valid[-1]) == (str(first), str(last))
    assert hashlib.sha256("\n".join(split.valid).encode()).hexdigest()[:16] == digest
    seed = torch.Generator().manual_seed(0)
    parts = torch.utils.data.random_split(turns, [num_train, num_valid], generator=seed)
    assert [list(part) for part in parts] == [list(part) for part in split]


def turns_of(session: str) -> list[str]:
    """Return eight turns of a session, two dialogues of two speakers."""
    ends = [f"{who}_impro01_{speaker}" for who in "FM" for speaker in "FM"]
    return [f"{session}{end}00{number}" for end in ends for number in range(2)]


@pytest.fixture
def published(monkeypatch, tmp_path):
    """Write files in S3PRL's form for a corpus of 40 turns, and have them taken for its own."""
    known = {}
    for session in SIZES:
        # In an order that no sorting gives.
        turns = [turn for other in SIZES if other != session for turn in turns_of(other)[::-1]]
        meta = [{"path": f"Session{t[4]}/x/{t}.wav", "label": "sad"} for t in turns]
        path = tmp_path / f"lists/Session{session[-1]}/train_meta_data.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"labels": {}, "meta_data": meta}))
        content = path.read_bytes()
        known[session] = (len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(splits, "PUBLISHED", known)
    monkeypatch.setattr(splits, "URL", "http://127.0.0.1:9/none")
    monkeypatch.setattr("espnet2_ext.corpora.download.time.sleep", lambda seconds: None)
    return tmp_path / "lists"


@pytest.fixture
def corpus():
    """Return the 40 utterances as our data directory names them: by who speaks."""
    made = {}
    for session in SIZES:
        for turn in turns_of(session):
            speaker = session + turn.rpartition("_")[2][0]
            key = f"{speaker}-{turn}"
            made[key] = Utterance(key, speaker, "x", emotion="sad", session=session)
    return made


def test_folds_of_published_files(published, corpus) -> None:
    lists = read_superb(published)
    folds = folds_of("superb", corpus, superb=lists)
    assert folds == folds_of("superb", corpus, superb=lists, seed=7)
    for fold, (session, split) in zip(folds, lists.items(), strict=True):
        assert (len(split.train), len(split.valid)) == (25, 7)
        assert {key.partition("-")[2] for key in fold.valid} == set(split.valid)
        assert {key.partition("-")[2] for key in fold.train} == set(split.train)
        assert {corpus[key].session for key in fold.test} == {session}


def test_a_file_that_is_not_there_is_fetched(published, monkeypatch) -> None:
    path, fetched = published / "Session2/train_meta_data.json", []
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(DownloadError, match=r"Session2/train_meta.*or give the folder .*meta_data"):
        read_superb(published)

    def download(remote, path, show):
        fetched.append((remote.url, remote.size_bytes, remote.checksum))
        path.write_bytes(content)

    monkeypatch.setattr(splits, "download", download)
    read_superb(published)
    digest = hashlib.sha256(content).hexdigest()
    url = "http://127.0.0.1:9/none/Session2/train_meta_data.json"
    assert fetched == [(url, len(content), f"sha256:{digest}")]


def test_another_file_is_refused_and_left_alone(published) -> None:
    path = published / "Session3/train_meta_data.json"
    path.write_text(path.read_text() + " ")
    with pytest.raises(ValueError, match="Session3/train_meta_data.json: not the file that S3PRL"):
        read_superb(published)
    assert path.read_text().endswith("} ")


def test_other_data_are_refused(published, corpus) -> None:
    lists = read_superb(published)
    extra = Utterance("Ses03F-x", "Ses03F", "x", emotion="sad", session="Ses03")
    changed = {**corpus, "Ses03F-x": extra}
    del changed["Ses02F-Ses02F_impro01_F000"]
    message = "fold_1: 1 of 32 published turns are not in the data, 1 of the data are not published"
    with pytest.raises(ValueError, match=message):
        folds_of("superb", changed, superb=lists)
    other = {key: Utterance(key, "s", "x", emotion="sad", session="1") for key in corpus}
    with pytest.raises(ValueError, match=r"session 1 is none of Ses01.*IEMOCAP; use .* loso_share"):
        folds_of("superb", other, superb=lists)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("utterance\na-1\n", "give one of the columns 'fold' and 'part', not 0"),
        ("utterance,fold,part\na-1,1,test\n", "give one of the columns 'fold' and 'part', not 2"),
        ("utterance,fold\na-1,1\nc-1,1\n", "given.csv:3: c-1: not in the data directory"),
        ("utterance,fold\na-1,1\na-1,2\n", "given.csv:3: a-1: stands twice; remove one"),
        ("utterance,part\na-1,dev\n", "given.csv:2: a-1: part 'dev': unknown; write train, valid"),
        ("utterance,fold\na-1,1\n", r"2 utterances have no line, such as a-2; add them$"),
        ("utterance,part\na-1,test\n", "such as a-2; add them, with part unused where"),
    ],
)
def test_read_given_refuses(tmp_path, text, message):
    (tmp_path / "given.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_given(tmp_path / "given.csv", ["a-1", "a-2", "b-1"])


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
def test_the_seed_matters_and_the_order_of_the_utterances_does_not(name, utterances):
    shuffled = list(utterances.items())
    random.Random(1).shuffle(shuffled)
    assert folds_of(name, dict(shuffled), seed=3) == folds_of(name, utterances, seed=3)
    drawn = {tuple(folds_of(name, utterances, seed=seed)) for seed in range(6)}
    assert len(drawn) == 1 if name in ("lospko", "emobox") else len(drawn) > 3


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


def test_leave_one_speaker_out(utterances):
    folds = folds_of("lospko", utterances)
    assert [fold.description for fold in folds[:3]] == [
        "test 1f; valid 1m", "test 1m; valid 1f", "test 2f; valid 2m",
    ]  # fmt: skip
    assert len(folds) == 10
    for fold in folds:
        (session,) = traits(fold.test + fold.valid, utterances, "session")
        assert len(traits(fold.test, utterances, "speaker")) == 1
        assert len(traits(fold.train, utterances, "speaker")) == 8


def test_share_and_emobox(utterances):
    folds, emobox = (folds_of(name, utterances) for name in ("loso_share", "emobox"))
    for number, (fold, other) in enumerate(zip(folds, emobox, strict=True), start=1):
        assert traits(fold.test, utterances, "session") == {f"Ses0{number}"}
        assert (len(fold.train), len(fold.valid)) == (51, 13)  # int(0.8 * 64)
        assert (len(other.train), other.valid, other.test) == (64, (), fold.test)
    # Golden: what superb and emobox drew before their lists were those of S3PRL and EmoBox.
    labels = {key: utterance.emotion for key, utterance in utterances.items()}
    assert [fold_hash(fold, labels)[:8] for fold in folds] == [
        "1ee4b0d9", "b9eba61d", "0b5b78f0", "55f89fca", "d27a7a4b",
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


def test_groups_of_utterances_keep_emotions_in_proportion(utterances):
    for fold in folds_of("random", utterances, num_folds=4):
        assert len(fold.test) == len(fold.valid) == 20
        counts = Counter(utterances[key].emotion for key in fold.test)
        assert set(counts.values()) == {5}
        assert traits(fold.test, utterances, "speaker") & traits(fold.train, utterances, "speaker")


def test_max_train_limits_training_alone(utterances):
    whole, limited = (folds_of("loso", utterances, max_train=count) for count in (80, 20))
    assert whole == folds_of("loso", utterances)
    for fold, small in zip(whole, limited, strict=True):
        assert (small.valid, small.test) == (fold.valid, fold.test)
        assert len(small.train) == 20 and set(small.train) < set(fold.train)
        assert small.description == f"{fold.description}; train 20 drawn of {len(fold.train)}"


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


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("loso", {"num_folds": 5}, "loso: num_folds follows from the data"),
        ("random", {"num_folds": 2}, "random: num_folds is 2; train, valid and test need at least"),
        ("speakers", {"num_folds": 11}, "speakers: 10 speakers do not fill 11 folds; lower"),
        ("random", {"num_folds": 81}, "random fold_80: valid is empty"),
        ("loso", {"max_train": 0}, "loso: max_train is 0; give at least 1"),
        ("loso", {"max_train": 3}, "loso fold_1: max_train: a subset of 3 of 48 utterances has no"),
        ("loso", {"folds_csv": "x"}, "loso: protocol 'given' and folds_csv go together"),
        ("given", {"folds_csv": "part"}, "given fold_1: valid is empty"),
        ("given", {"folds_csv": "fold"}, "given: train, valid and test need at least 3 of fold; "),
        ("superb", {}, "superb: protocol 'superb' and its published lists go together"),
    ],
)
def test_options_that_do_not_fit(name, options, message, utterances, write_given):
    if options.get("folds_csv") in ("part", "fold"):
        path = write_given(options["folds_csv"], lambda key: "test" if key[0] == "1" else "train")
        options = {**options, "folds_csv": path}
    with pytest.raises(ValueError, match=message):
        folds_of(name, utterances, **options)


def test_sessions_must_be_known(change):
    with pytest.raises(ValueError, match="loso: .*: has no session; the data.*utt2session"):
        folds_of("loso", change("3f-0", session=None))


def test_sessions_must_be_enough_and_pairs(utterances, change):
    for name, sessions, message in (
        ("loso", "12", "loso: .* at least 3 of session; the data have 2"),
        ("emobox", "1", "emobox fold_1: train is empty"),
    ):
        with pytest.raises(ValueError, match=message):
            folds_of(name, {key: value for key, value in utterances.items() if key[0] in sessions})
    three = change("1f-0", speaker="1x")
    with pytest.raises(ValueError, match="session Ses01 has the speakers 1f, 1m, 1x; it needs two"):
        folds_of("lospko", three)
    wandering = change("1f-0", session="Ses06") | {
        "6m-0": Utterance("6m-0", "6m", "x", emotion="sad", session="Ses06")
    }
    with pytest.raises(ValueError, match="session Ses06 .* who are in no other session"):
        folds_of("lospko", wandering)


def test_unknown_speakers_cannot_be_kept_apart(utterances):
    own = {f"{key}-{key}": Utterance(f"{key}-{key}", key, "x", emotion="sad") for key in utterances}
    with pytest.raises(ValueError, match="lospko: .* speakers are unknown; use protocol random"):
        folds_of("lospko", own)


def test_an_emotion_that_is_not_trained_on(change):
    with pytest.raises(ValueError, match="fold_1: 1f-0 is 'bored', which no training utterance"):
        folds_of("loso", change("1f-0", emotion="bored"))
    with pytest.raises(ValueError, match="1f-0: has no emotion"):
        folds_of("loso", change("1f-0", emotion=None))
