import pytest

from espnet2_ext.data.data_directory import (
    DataDirectoryError,
    combine_data_directories,
    read_data_directory,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.data.length_filter import filter_length
from espnet2_ext.data.rejected import read_rejected, write_rejected
from espnet2_ext.data.table import read_table, write_table
from espnet2_ext.data.utterance import Utterance

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
