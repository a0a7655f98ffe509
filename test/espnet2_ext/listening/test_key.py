"""The key of a test."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from espnet2_ext.listening.design import ListeningTest, read_key, write_key


def test_what_is_written_is_read(tmp_path: Path, tiny_test: ListeningTest) -> None:
    write_key(tmp_path / "copy.json", tiny_test)
    assert read_key(tmp_path / "copy.json") == tiny_test


def test_hash_changes_with_orders_recordings_and_choices(tiny_test: ListeningTest) -> None:
    name, trial = next(iter(tiny_test.trials.items()))
    others = [
        replace(tiny_test, orders=tiny_test.orders[::-1]),
        replace(tiny_test, trials={**tiny_test.trials, name: replace(trial, audio="b.wav")}),
        replace(tiny_test, emotions=tiny_test.emotions[::-1]),
    ]
    assert len({test.digest for test in (tiny_test, *others)}) == 4


def test_refuses_a_key_that_was_changed(test_dir: Path) -> None:
    path = test_dir / "key.json"
    path.write_text(path.read_text().replace("zero effort", "converted"))
    with pytest.raises(ValueError, match="key.json: was changed since it was written"):
        read_key(path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"hash": "1", "trials": {}})])
def test_refuses_what_is_no_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.json").write_text(text)
    with pytest.raises(ValueError, match="key.json: not the key of a listening test"):
        read_key(tmp_path / "key.json")
