import pytest

from espnet2_ext.data.directory import (
    DataDirectoryError,
    Utterance,
    combine_data_directories,
    filter_length,
    read_data_directory,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected, write_table

LENGTHS = {"a-1": 7999, "a-2": 8000, "b-1": 32000, "b-2": 32001}


@pytest.fixture
def dump(tmp_path):
    write_data_directory(tmp_path / "dump", [Utterance(key, key[0], "x.flac") for key in LENGTHS])
    write_table(tmp_path / "dump" / "utt2num_samples", LENGTHS)
    write_table(tmp_path / "dump" / "units_x", dict.fromkeys(LENGTHS, "1 2"))
    write_rejected(tmp_path / "dump", {"c-1": "silent"})
    return tmp_path / "dump"


def test_limits_belong_to_what_stays(dump, tmp_path, caplog):
    out = tmp_path / "out"
    assert filter_length(dump, out, min_duration_s=0.5, max_duration_s=2) == 2
    assert validate_data_directory(out) == 2
    assert read_table(out / "units_x") == {"a-2": "1 2", "b-1": "1 2"}
    assert read_data_directory(out).speakers == {"a": ["a-2"], "b": ["b-1"]}
    assert read_rejected(out) == {
        "a-1": "0.500 s, shorter than 0.5 s",
        "b-2": "2.000 s, longer than 2 s",
        "c-1": "silent",
    }
    assert "2 of 4 utterances rejected" in caplog.text


@pytest.fixture
def train(tmp_path):
    """A training set: speaker a at two speeds, and b at another speed only."""
    ids = ("a-3", "sp0.9-a-3", "sp0.9-b-3")
    utterances = [Utterance(key, key.rpartition("-")[0], "x.flac") for key in ids]
    write_data_directory(tmp_path / "train", utterances)
    return tmp_path / "train"


def test_whose_speaker_has_no_other_utterance_is_left_out(dump, train, tmp_path, caplog):
    out = tmp_path / "out"
    limits = {"min_duration_s": 0.5, "max_duration_s": 2}
    assert filter_length(dump, out, **limits, speaker_dir=train) == 1
    assert list(read_table(out / "units_x")) == ["a-2"]
    reason = f"no other utterance of the speaker here or in {train} gives the voice"
    assert read_rejected(out)["b-1"] == reason
    assert "b-2" in read_rejected(out), "too long, and so no other utterance"
    message = f"{dump}: 1 of 2 speakers have one utterance in it and {train} together"
    assert [m for m in caplog.messages if message in m] == [f"{message}, and are left out: b"]
    assert "3 of 4 utterances rejected" in caplog.text
    # Within the limits both are each other's.
    limits["max_duration_s"] = 3
    assert filter_length(dump, out, **limits, speaker_dir=train) == 3
    assert "b-1" not in read_rejected(out)


def test_the_first_ten_such_speakers_are_named(tmp_path, train, caplog):
    ids = [f"c{number:02d}-1" for number in range(12)] + ["a-1"]
    write_data_directory(tmp_path / "many", [Utterance(key, key[:-2], "x.flac") for key in ids])
    write_table(tmp_path / "many" / "utt2num_samples", dict.fromkeys(ids, 16000))
    limits = {"min_duration_s": 0, "max_duration_s": 2}
    assert filter_length(tmp_path / "many", tmp_path / "out", **limits, speaker_dir=train) == 1
    [line] = [message for message in caplog.messages if "are left out" in message]
    assert line.endswith("left out: " + " ".join(f"c{number:02d}" for number in range(10)))
    assert "12 of 13 speakers" in line


def test_utterances_of_both_sets_are_counted_and_are_no_other_one(dump, tmp_path, caplog):
    ids = ["a-2", "b-1", "b-3"]
    write_data_directory(tmp_path / "train", [Utterance(key, key[0], "x.flac") for key in ids])
    limits = {"min_duration_s": 0.5, "max_duration_s": 2, "speaker_dir": tmp_path / "train"}
    assert filter_length(dump, tmp_path / "out", **limits) == 1
    assert list(read_table(tmp_path / "out/wav.scp")) == ["b-1"]
    assert f"{dump}: 2 of its utterances stand in {tmp_path / 'train'} too" in caplog.text


def test_a_set_of_strangers_is_an_error(dump, tmp_path):
    write_data_directory(tmp_path / "train", [Utterance("c-1", "c", "x.flac")])
    limits = {"min_duration_s": 0.5, "max_duration_s": 2, "speaker_dir": tmp_path / "train"}
    with pytest.raises(DataDirectoryError, match="no speaker has another utterance .* must hold 1"):
        filter_length(dump, tmp_path / "out", **limits)
    assert not (tmp_path / "out").exists()
    limits["speaker_dir"] = tmp_path / "none"
    with pytest.raises(DataDirectoryError, match="none: no such data directory"):
        filter_length(dump, tmp_path / "out", **limits)


def test_a_second_filter_adds_to_the_list(dump, tmp_path):
    filter_length(dump, tmp_path / "one", min_duration_s=0, max_duration_s=2)
    filter_length(tmp_path / "one", tmp_path / "two", min_duration_s=0.5, max_duration_s=2)
    assert list(read_rejected(tmp_path / "two")) == ["a-1", "b-2", "c-1"]


@pytest.mark.parametrize("limits", [(-1, 2), (3, 2), (float("nan"), 2)])
def test_limits_that_contradict(dump, tmp_path, limits):
    with pytest.raises(ValueError, match="leave nothing; give 0 <= min <= max"):
        filter_length(dump, tmp_path / "out", min_duration_s=limits[0], max_duration_s=limits[1])


def test_refuses(dump, tmp_path):
    with pytest.raises(DataDirectoryError, match="no utterance lasts 5 to 6 s"):
        filter_length(dump, tmp_path / "out", min_duration_s=5, max_duration_s=6)
    with pytest.raises(DataDirectoryError, match="is an input too"):
        filter_length(dump, dump, min_duration_s=0, max_duration_s=6)
    write_table(dump / "utt2num_samples", LENGTHS | {"a-1": "long"})
    with pytest.raises(DataDirectoryError, match="utt2num_samples: a-1: 'long' is not a number"):
        filter_length(dump, tmp_path / "out", min_duration_s=0, max_duration_s=6)
    (dump / "utt2num_samples").unlink()
    with pytest.raises(DataDirectoryError, match="utt2num_samples: missing"):
        filter_length(dump, tmp_path / "out", min_duration_s=0, max_duration_s=6)


def test_what_a_later_stage_rejected_is_left_out(dump, tmp_path):
    units = read_table(dump / "units_x")
    del units["a-2"]
    write_table(dump / "units_x", units)
    with pytest.raises(DataDirectoryError, match="a-2: no line"):
        filter_length(dump, tmp_path / "out", min_duration_s=0, max_duration_s=9)
    write_rejected(dump, read_rejected(dump) | {"a-2": "units_x: too short"})
    assert filter_length(dump, tmp_path / "out", min_duration_s=0, max_duration_s=9) == 3
    assert validate_data_directory(tmp_path / "out") == 3
    combine_data_directories(tmp_path / "both", [dump])
    assert sorted(read_table(tmp_path / "both" / "wav.scp")) == ["a-1", "b-1", "b-2"]
    assert sorted(read_rejected(tmp_path / "both")) == ["a-2", "c-1"]


def test_everything_rejected_is_an_error(dump, tmp_path):
    write_rejected(dump, dict.fromkeys(LENGTHS, "silent"))
    with pytest.raises(DataDirectoryError, match="every utterance is rejected"):
        combine_data_directories(tmp_path / "both", [dump])
