"""Comparison of a copy with the whole corpus."""

import logging

import pytest

from espnet2_ext.corpora.copies import self_check


def test_a_whole_copy_passes_and_its_counts_are_logged(caplog):
    caplog.set_level(logging.INFO)
    self_check("db", "Corpus", {"utterances": 2}, {"utterances": 2, "other": 9}, {"lost": []})
    assert "self-check of Corpus" in caplog.text and "db: self-check passed" in caplog.text
    assert "differs" not in caplog.text


def test_every_difference_is_named_in_one_line():
    with pytest.raises(ValueError) as caught:
        self_check(
            "db",
            "Corpus",
            {"utterances": 5, "angry": 3, "sad": 2, "happy": 1, "other": 0},
            {"utterances": 4, "angry": 2},
            {"wavs missing": ["a.wav"], "wavs unreadable": {"b.wav": "empty"}, "odd": {}},
        )
    assert str(caught.value) == (
        "db: not a whole Corpus: 4 of 5 utterances, 2 of 3 angry, 0 of 2 sad and 1 more counts; "
        "1 wavs missing, first a.wav; 1 wavs unreadable, first b.wav (empty); get the missing "
        "part again, or say --allow_incomplete to go on without it"
    )


def test_a_difference_can_be_allowed(caplog):
    self_check("db", "Corpus", {"utterances": 2}, {}, allow_incomplete=True)
    assert "0 of 2 utterances; going on with what is there" in caplog.text
