import logging

import pytest

from espnet2_ext.data.tables import read_rejected, report_rejected, write_rejected


def test_round_trip_sorted_and_on_one_line(tmp_path):
    write_rejected(tmp_path, {"b-1": "too\nlong\tindeed", "a-1": "silent"})
    assert (tmp_path / "rejected.tsv").read_text() == "a-1\tsilent\nb-1\ttoo long indeed\n"
    assert read_rejected(tmp_path) == {"a-1": "silent", "b-1": "too long indeed"}


def test_no_list_and_empty_list(tmp_path):
    assert read_rejected(tmp_path) == {}
    write_rejected(tmp_path, {})
    assert (tmp_path / "rejected.tsv").read_text() == ""
    assert read_rejected(tmp_path) == {}


def test_malformed_line(tmp_path):
    (tmp_path / "rejected.tsv").write_text("a-1 silent\n")
    with pytest.raises(ValueError, match="rejected.tsv:1: expected 'utterance<TAB>reason'"):
        read_rejected(tmp_path)


def test_report_counts_in_one_line(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        report_rejected(tmp_path, {"b-1": "x", "a-1": "silent"}, 9)
        report_rejected(tmp_path, {}, 9)
    assert "2 of 9 utterances rejected" in caplog.messages[0]
    assert caplog.messages[0].endswith("for example a-1: silent")
    assert caplog.messages[1].endswith("all 9 utterances kept")
