"""SUPERB's split: the permutation golden and done again by hand, files in miniature.

The published files are not part of this repository. With ``SUPERB_LISTS`` naming S3PRL's
``downstream/emotion/meta_data``, the last test rebuilds the real lists.
"""

import hashlib
import json
import os

import numpy as np
import pytest
import torch
from torch.utils.data import random_split

from espnet2_ext.corpora.download import DownloadError
from espnet2_ext.data.directory import Utterance
from espnet2_ext.ser import splits as superb_lists
from espnet2_ext.ser.protocols import PROTOCOLS
from espnet2_ext.ser.splits import PublishedList, SuperbSplit, make_folds, read_superb, split_turns

SIZES = {"Ses01": 1085, "Ses02": 1023, "Ses03": 1151, "Ses04": 1031, "Ses05": 1241}
GOLDEN = {
    # turns: (to train, to validate, first and last place that validates, hash of all of them)
    4446: (3556, 890, 158, 3435, "e11aa627e2a8601f"),
    4508: (3606, 902, 2492, 1704, "d1f63d075aeadb64"),
    4380: (3504, 876, 727, 1292, "b6104a466c83651d"),
    4500: (3600, 900, 991, 382, "10fa391ff19c6702"),
    4290: (3432, 858, 1123, 3640, "bfe3bf00b5bf4fc2"),
}


def permutation_by_hand(count: int) -> list[int]:
    """Return what torch.randperm makes of seed 0: numpy's Mersenne Twister, Fisher-Yates."""
    twister = np.random.MT19937()
    twister._legacy_seeding(0)
    places = list(range(count))
    for i in range(count - 1):
        j = i + int(twister.random_raw()) % (count - i)
        places[i], places[j] = places[j], places[i]
    return places


def test_the_sizes_are_those_of_iemocap() -> None:
    assert sum(SIZES.values()) == 5531
    assert list(GOLDEN) == [5531 - size for size in SIZES.values()]
    assert list(superb_lists.PUBLISHED) == list(SIZES)


@pytest.mark.parametrize("count", GOLDEN)
def test_the_permutation_is_golden_and_can_be_done_by_hand(count: int) -> None:
    split = split_turns([str(place) for place in range(count)])
    num_train, num_valid, first, last, digest = GOLDEN[count]
    assert (len(split.train), len(split.valid)) == (num_train, num_valid)
    assert (split.valid[0], split.valid[-1]) == (str(first), str(last))
    assert hashlib.sha256("\n".join(split.valid).encode()).hexdigest()[:16] == digest
    by_hand = [str(place) for place in permutation_by_hand(count)]
    assert [*split.train, *split.valid] == by_hand


def test_it_is_what_the_global_generator_gives_and_that_is_left_alone() -> None:
    turns = [f"turn{place}" for place in range(101)]
    torch.manual_seed(5)
    split = split_turns(turns)
    left_alone = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), left_alone)
    torch.manual_seed(0)
    train, valid = random_split(turns, [80, 21])
    assert (split.train, split.valid) == (tuple(train), tuple(valid))


def turns_of(session: str) -> list[str]:
    """Return eight turns of a session, two dialogues of two speakers."""
    return [
        f"{session}{who}_impro0{dialogue}_{speaker}00{number}"
        for who in "FM"
        for dialogue in "1"
        for speaker in "FM"
        for number in range(2)
    ]


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
        valid = sorted(turns[place] for place in permutation_by_hand(32)[25:])
        digests = [hashlib.sha256(text).hexdigest() for text in (
            content, "".join(f"{turn}\n" for turn in valid).encode())]  # fmt: skip
        known[session] = PublishedList(len(content), *digests)
    monkeypatch.setattr(superb_lists, "PUBLISHED", known)
    monkeypatch.setattr(superb_lists, "URL", "http://127.0.0.1:9/none")
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
    splits = read_superb(published)
    folds = make_folds(PROTOCOLS["superb"], corpus, superb=splits)
    assert folds == make_folds(PROTOCOLS["superb"], corpus, superb=splits, seed=7)
    for fold, (session, split) in zip(folds, splits.items(), strict=True):
        assert (len(split.train), len(split.valid)) == (25, 7)
        assert {key.partition("-")[2] for key in fold.valid} == set(split.valid)
        assert {key.partition("-")[2] for key in fold.train} == set(split.train)
        assert {corpus[key].session for key in fold.test} == {session}
        assert fold.description == (
            f"test {session}; valid 7 utterances of the others, as S3PRL splits them"
        )


def test_a_file_that_is_not_there_is_fetched(published, monkeypatch) -> None:
    content = (published / "Session2/train_meta_data.json").read_bytes()
    (published / "Session2/train_meta_data.json").unlink()
    with pytest.raises(DownloadError, match=r"Session2/train_meta.*or give the folder .*meta_data"):
        read_superb(published)
    fetched = []

    def download(remote, path, show):
        fetched.append((remote.url, remote.size_bytes, remote.checksum))
        path.write_bytes(content)

    monkeypatch.setattr(superb_lists, "download", download)
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


def test_another_permutation_is_refused(published, monkeypatch) -> None:
    monkeypatch.setattr(superb_lists, "SEED", 1)
    with pytest.raises(ValueError, match="this version of PyTorch permutes otherwise, so SUPERB's"):
        read_superb(published)


def test_other_data_are_refused(published, corpus) -> None:
    splits = read_superb(published)
    lacking = {key: value for key, value in corpus.items() if key != "Ses02F-Ses02F_impro01_F000"}
    with pytest.raises(ValueError, match="fold_1: 1 of 32 published turns are not in the data, 0 "):
        make_folds(PROTOCOLS["superb"], lacking, superb=splits)
    extra = Utterance("Ses03F-x", "Ses03F", "x", emotion="sad", session="Ses03")
    with pytest.raises(ValueError, match="1 of the data are not published, such as x; prepare IEM"):
        make_folds(PROTOCOLS["superb"], {**corpus, "Ses03F-x": extra}, superb=splits)
    other = {key: Utterance(key, "s", "x", emotion="sad", session="1") for key in corpus}
    with pytest.raises(ValueError, match=r"session 1 is none of Ses01.*IEMOCAP; use .* loso_share"):
        make_folds(PROTOCOLS["superb"], other, superb=splits)


@pytest.mark.parametrize(
    ("name", "superb"), [("superb", None), ("loso", {"x": SuperbSplit((), ())})]
)
def test_lists_and_protocol_go_together(name, superb, corpus) -> None:
    with pytest.raises(ValueError, match=f"{name}: protocol 'superb' and its published lists go"):
        make_folds(PROTOCOLS[name], corpus, superb=superb)


@pytest.mark.skipif("SUPERB_LISTS" not in os.environ, reason="SUPERB_LISTS names no lists")
def test_the_published_lists_themselves() -> None:
    ends = {
        "Ses01": ("Ses02M_impro05_F008", "Ses05F_impro06_M010"),
        "Ses02": ("Ses04F_impro07_F066", "Ses03F_script02_2_F023"),
        "Ses03": ("Ses01M_impro03_F010", "Ses02F_script02_1_M024"),
        "Ses04": ("Ses01M_script03_1_F015", "Ses01F_script01_1_F041"),
        "Ses05": ("Ses02F_impro03_M024", "Ses04F_impro03_M021"),
    }
    for session, split in read_superb(os.environ["SUPERB_LISTS"]).items():
        assert (split.valid[0], split.valid[-1]) == ends[session]
        expected = GOLDEN[5531 - SIZES[session]]
        assert (len(split.train), len(split.valid)) == expected[:2]
        assert session not in {turn[:5] for turn in split.train + split.valid}
