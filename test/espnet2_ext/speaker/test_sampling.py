import logging
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.data.tables import write_table
from espnet2_ext.speaker.embeddings import SpeakerVectorSampler

UTT2SPK = [
    ("a-1", "a"),
    ("a-2", "a"),
    ("a-3", "a"),
    ("b-1", "b"),
    ("sp0.9-a-1", "sp0.9-a"),
    ("sp0.9-a-2", "sp0.9-a"),
]
VECTORS = {utterance: np.full(2, number) for number, (utterance, _) in enumerate(UTT2SPK)}


def test_random_draws_are_uniform_over_the_other_utterances() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=False)
    rng = np.random.default_rng(0)
    counts = Counter(sampler.choose("a-2", rng) for _ in range(2000))
    assert set(counts) == {"a-1", "a-3"}
    assert 900 < counts["a-1"] < 1100  # 1000 +- 4.5 standard deviations


def test_draw_returns_the_vector_as_float32() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=True)
    vector = sampler.draw("a-1")
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(vector, VECTORS[sampler.choose("a-1")])


def test_deterministic_draws_depend_on_the_name_alone() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=True)
    chosen = {utterance: sampler.choose(utterance) for utterance in ("a-1", "a-2", "a-3")}
    for own, (utterance, other) in enumerate(chosen.items()):
        step = 1 + zlib.crc32(utterance.encode()) % 2
        assert other == f"a-{(own + step) % 3 + 1}"
    again = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=True)
    assert {utterance: again.choose(utterance) for utterance in chosen} == chosen


def test_deterministic_draws_are_uniform_as_those_of_training_are() -> None:
    """Ids as in ESD, sorted by emotion: the next one would be of the same emotion."""
    utt2spk = [(f"s-{number:04d}", "s") for number in range(500)]
    vectors = dict.fromkeys(dict(utt2spk), np.zeros(1))
    sampler = SpeakerVectorSampler(utt2spk, vectors, deterministic=True)
    numbers = [(int(u[2:]), int(sampler.choose(u)[2:])) for u, _ in utt2spk]
    assert all(own != other for own, other in numbers)
    same_block = sum(own // 100 == other // 100 for own, other in numbers)
    assert 60 < same_block < 140  # 99 expected, deviation 9


def test_speakers_need_not_stand_together() -> None:
    """Against a plain search: names that tell nothing of the speaker, some without a vector."""
    rng = np.random.default_rng(0)
    utt2spk = [(f"u{number:02d}", f"s{rng.integers(5)}") for number in range(40)]
    vectors = {utterance: np.zeros(1) for utterance, _ in utt2spk if rng.random() < 0.7}
    vectors |= {"v": np.zeros(1)}  # of no utterance of the set
    sampler = SpeakerVectorSampler(utt2spk, vectors, deterministic=True)
    for utterance, speaker in utt2spk:
        members = [name for name, of in utt2spk if of == speaker and name in vectors]
        place = members.index(utterance) + 1 if utterance in vectors else 0
        others = members[place:] + members[: max(0, place - 1)]
        expected = others[zlib.crc32(utterance.encode()) % len(others)]
        assert sampler.choose(utterance) == expected, utterance
        random = SpeakerVectorSampler(utt2spk, vectors, deterministic=False)
        drawn = {random.choose(utterance, rng) for _ in range(80)}
        assert drawn == set(members) - {utterance}, utterance


def test_a_perturbed_speaker_is_a_speaker_of_its_own() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=False)
    rng = np.random.default_rng(0)
    assert {sampler.choose("sp0.9-a-1", rng) for _ in range(20)} == {"sp0.9-a-2"}


def test_single_utterance_speakers_get_their_own_and_are_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        sampler = SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=False)
        assert sampler.choose("b-1", np.random.default_rng(0)) == "b-1"
    assert sampler.single_utterance_speakers == ["b"]
    assert caplog.messages == [
        "1 of 3 speakers have one utterance with a speaker vector and get their own: b"
    ]


def test_an_utterance_without_a_vector_is_never_drawn_but_can_be_asked_for() -> None:
    vectors = {key: vector for key, vector in VECTORS.items() if key != "a-2"}
    rng = np.random.default_rng(0)
    sampler = SpeakerVectorSampler(UTT2SPK, vectors, deterministic=False)
    assert {sampler.choose("a-1", rng) for _ in range(20)} == {"a-3"}
    assert {sampler.choose("a-2", rng) for _ in range(40)} == {"a-1", "a-3"}
    fixed = SpeakerVectorSampler(UTT2SPK, vectors, deterministic=True)
    assert fixed.choose("a-2") in ("a-1", "a-3")
    # The only vector of a speaker still is another utterance's for one without.
    assert (
        SpeakerVectorSampler(UTT2SPK, {"a-1": VECTORS["a-1"]}, deterministic=True).choose("a-2")
        == "a-1"
    )


def test_errors_name_the_utterance() -> None:
    sampler = SpeakerVectorSampler(UTT2SPK, {"a-1": np.zeros(2)}, deterministic=False)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="x-1: not in utt2spk"):
        sampler.choose("x-1", rng)
    with pytest.raises(ValueError, match="b-1: speaker b has no vector"):
        sampler.choose("b-1", rng)
    with pytest.raises(ValueError, match="utt2spk: a-1 stands after a-2; sort it"):
        SpeakerVectorSampler([("a-2", "a"), ("a-1", "a")], VECTORS, deterministic=False)
    with pytest.raises(ValueError, match="needs rng"):
        SpeakerVectorSampler(UTT2SPK, VECTORS, deterministic=False).choose("a-1")


def write_set(directory: Path, utt2spk: dict[str, str], number: int) -> Path:
    """Write a set whose vectors hold the number of the set and the place of the utterance."""
    directory.mkdir()
    write_table(directory / "utt2spk", utt2spk)
    ordered = sorted(utt2spk)
    vectors = {utterance: [number, place] for place, utterance in enumerate(ordered)}
    write_ark_scp(directory / "spk_embed.scp", vectors)
    return directory


def mixture(tmp_path: Path) -> tuple[Path, Path, dict[str, str]]:
    """Return a validation and a training set as in [P2V] IV-B and the speakers of both.

    Of 40 speakers with two utterances or more one is in validation; training is at three
    speeds. Two further speakers, x and y, have one utterance in all, of validation.
    """
    train, valid = {}, {"x-0": "x", "y-0": "y"}
    for number in range(40):
        speaker = f"s{number:02d}"
        valid[f"{speaker}-5"] = speaker
        for name in range(number % 4 + 1):
            for speed in ("", "sp0.9-", "sp1.1-"):
                train[f"{speed}{speaker}-{2 * name:d}"] = speed + speaker
    train["other-1"] = "other"
    return write_set(tmp_path / "va", valid, 1), write_set(tmp_path / "tr", train, 2), valid | train


def test_validation_hears_other_utterances_which_are_in_the_training_set(tmp_path, caplog):
    valid, train, speaker_of = mixture(tmp_path)
    sampler = SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
    alone = SpeakerVectorSampler.from_directory(valid, deterministic=True)
    for utterance in (utterance for utterance in speaker_of if utterance.endswith("-5")):
        other = sampler.choose(utterance)
        assert other != utterance
        assert speaker_of[other] == speaker_of[utterance], "no perturbed speaker gives the voice"
        vector = sampler.draw(utterance)
        assert vector[0] == 2, "of the training set"
        assert alone.choose(utterance) == utterance, "what the validation set has by itself"
    assert sampler.single_utterance_speakers == ["x", "y"]
    assert "2 of 42 speakers have one utterance with a speaker vector" in caplog.text
    assert len(sampler.vectors) == 42 + sum(number % 4 + 1 for number in range(40))
    again = SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
    for utterance in ("s00-5", "s13-5", "s27-5"):
        assert again.choose(utterance) == sampler.choose(utterance)


def test_all_of_the_speaker_are_drawn_from_both_sets(tmp_path):
    valid = write_set(tmp_path / "va", {"a-2": "a", "a-4": "a", "b-1": "b"}, 1)
    train = write_set(tmp_path / "tr", {"a-1": "a", "a-3": "a", "c-1": "c"}, 2)
    sampler = SpeakerVectorSampler.from_directory(valid, train, deterministic=False)
    rng = np.random.default_rng(0)
    assert {sampler.choose("a-2", rng) for _ in range(60)} == {"a-1", "a-3", "a-4"}
    np.testing.assert_array_equal(sampler.vectors["a-3"], [2, 1])
    np.testing.assert_array_equal(sampler.vectors["a-4"], [1, 1])


def test_an_utterance_of_both_sets_is_not_its_own_other_one(tmp_path):
    valid = write_set(tmp_path / "va", {"a-1": "a", "b-1": "b"}, 1)
    train = write_set(tmp_path / "tr", {"a-1": "a", "b-1": "b", "b-2": "b"}, 2)
    sampler = SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
    assert sampler.choose("b-1") == "b-2"
    assert sampler.single_utterance_speakers == ["a"]
    np.testing.assert_array_equal(sampler.vectors["b-1"], [1, 1])


def test_directories_that_do_not_fit_are_errors(tmp_path):
    valid = write_set(tmp_path / "va", {"a-1": "a", "b-1": "b"}, 1)
    train = write_set(tmp_path / "tr", {"a-1": "b", "b-2": "b"}, 2)
    with pytest.raises(ValueError, match="a-1: of speaker a and of b in .*va/utt2spk and .*rename"):
        SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
    (train / "utt2spk").write_text("b-2 b\nb-1 b\n")
    with pytest.raises(ValueError, match="tr/utt2spk: b-1 stands after b-2; sort it"):
        SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
    (train / "spk_embed.scp").unlink()
    with pytest.raises(FileNotFoundError, match="spk_embed.scp"):
        SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
