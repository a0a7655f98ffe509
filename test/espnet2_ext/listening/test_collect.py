"""Files of all listeners."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from espnet2_ext.listening.design import ListeningTest, Trial
from espnet2_ext.listening.results import collect_results, write_excluded


def careless(trial: Trial) -> str:
    return "-2" if trial.kind == "similarity" else "sad"


def test_leaves_out_and_says_why(
    hand_in: Callable[..., Path],
    tiny_test: ListeningTest,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hand_in(1)
    hand_in(1, name="1_again.json")
    hand_in(2, choose=careless)
    hand_in(3, name="3.json")
    hand_in(3, name="3_other.json", choose=lambda t: "2" if t.kind == "similarity" else "sad")
    hand_in(4, name="sub_4.json")
    folder = tmp_path / "handed_in"
    (folder / "notes.json").write_text("no json")
    (folder / "notes.txt").write_text("is not looked at")
    with caplog.at_level(logging.WARNING):
        collection = collect_results(folder, tiny_test)
    assert [result.listener for result in collection.results] == [1, 4]
    reasons = {Path(name).name: reason for name, reason in collection.excluded.items()}
    assert reasons.pop("notes.json").startswith("not readable as json")
    both = "listener 3 stands in 3.json and 3_other.json with different answers; keep one of them"
    assert reasons == {
        "1_again.json": f"the same answers of listener 1 as {folder / '1.json'}",
        "2.json": "failed 1 of 1 checks of attention",
        "3.json": both,
        "3_other.json": both,
    }
    for name in ("1_again", "2", "3", "3_other", "notes"):
        assert f"{folder / name}.json: left out: " in caplog.text
    write_excluded(tmp_path / "excluded.tsv", collection)
    lines = (tmp_path / "excluded.tsv").read_text().splitlines()
    assert len(lines) == 5
    assert f"{folder / '2.json'}\tfailed 1 of 1 checks of attention" in lines


def test_failed_checks_may_be_allowed(
    hand_in: Callable[..., Path], tiny_test: ListeningTest, tmp_path: Path
) -> None:
    hand_in(2, choose=careless)
    collection = collect_results(tmp_path / "handed_in", tiny_test, max_failed_checks=1)
    assert [result.listener for result in collection.results] == [2]
    assert collection.excluded == {}


def test_refuses_to_score_nobody(
    hand_in: Callable[..., Path], tiny_test: ListeningTest, tmp_path: Path
) -> None:
    (tmp_path / "handed_in").mkdir()
    with pytest.raises(ValueError, match="handed_in: holds no .json file"):
        collect_results(tmp_path / "handed_in", tiny_test)
    hand_in(2, choose=careless)
    with pytest.raises(ValueError, match="none of 1 files counts; .*2.json: failed 1 of 1"):
        collect_results(tmp_path / "handed_in", tiny_test)
