from pathlib import Path

import numpy as np
import pytest

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.data.tables import write_table
from espnet2_ext.prosody2vec.task import SpeakerVectorPreprocessor, shared_preprocessor


@pytest.fixture
def speakers(tmp_path: Path) -> Path:
    """A directory of three utterances of one speaker; the vector holds their number."""
    utterances = [f"a-{number}" for number in range(3)]
    write_table(tmp_path / "utt2spk", dict.fromkeys(utterances, "a"))
    write_ark_scp(tmp_path / "spk_embed.scp", {name: [int(name[-1])] for name in utterances})
    return tmp_path


def test_training_draws_by_numpys_seed(speakers: Path) -> None:
    preprocess = SpeakerVectorPreprocessor(speakers, is_deterministic=False)

    def draws() -> list[float]:
        np.random.seed(1)
        return [float(preprocess("a-1", {})["speaker_embedding"][0]) for _ in range(20)]

    first = draws()
    assert set(first) == {0.0, 2.0}
    assert draws() == first


def test_validation_takes_the_same_one_in_every_epoch(speakers: Path) -> None:
    preprocess = SpeakerVectorPreprocessor(speakers, is_deterministic=True)
    data = preprocess("a-2", {"units": np.ones(1)})
    assert list(data) == ["units", "speaker_embedding"]
    assert data["speaker_embedding"] in ([0], [1])
    resumed = SpeakerVectorPreprocessor(speakers, is_deterministic=True)
    for each in (preprocess, resumed):
        again = each("a-2", {})["speaker_embedding"]
        np.testing.assert_array_equal(again, data["speaker_embedding"])


def test_validation_takes_one_of_the_training_set(speakers: Path, tmp_path: Path) -> None:
    valid = tmp_path / "valid"
    valid.mkdir()
    write_table(valid / "utt2spk", {"a-9": "a"})
    write_ark_scp(valid / "spk_embed.scp", {"a-9": [9]})
    preprocess = shared_preprocessor(valid, True, speakers)
    assert preprocess("a-9", {})["speaker_embedding"] in ([0], [1], [2])
    assert shared_preprocessor(valid, True, speakers) is preprocess
    assert shared_preprocessor(valid, True) is not preprocess
    np.testing.assert_array_equal(
        shared_preprocessor(valid, True)("a-9", {})["speaker_embedding"], [9]
    )
    preprocess = shared_preprocessor(valid, True, speakers)
    write_table(speakers / "utt2spk", {"a-1": "a"})
    other = shared_preprocessor(valid, True, speakers)
    assert other is not preprocess, "the training set's tables have changed"
    np.testing.assert_array_equal(other("a-9", {})["speaker_embedding"], [1])


def test_one_is_shared_until_its_tables_change(speakers: Path) -> None:
    first = shared_preprocessor(speakers, is_deterministic=True)
    assert shared_preprocessor(str(speakers), is_deterministic=True) is first
    assert shared_preprocessor(speakers, is_deterministic=False) is not first
    write_table(speakers / "utt2spk", {"a-0": "a", "a-2": "a"})
    second = shared_preprocessor(speakers, is_deterministic=True)
    assert second is not first
    np.testing.assert_array_equal(second("a-0", {})["speaker_embedding"], [2])


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="utt2spk"):
        shared_preprocessor(tmp_path, is_deterministic=True)
