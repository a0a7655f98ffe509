"""The files of listeners, and which of them count."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from espnet2_ext.listening.design import ListeningTest, Trial
from espnet2_ext.listening.results import collect_results, read_result, write_excluded

HandIn = Callable[..., Path]


def careless(trial: Trial) -> str:
    return "-2" if trial.kind == "similarity" else "sad"


def test_reads_what_was_answered(hand_in: HandIn, tiny_test: ListeningTest) -> None:
    path = hand_in(2, choose=careless)
    result = read_result(path, tiny_test)
    assert (result.path, result.listener) == (str(path), 2)
    trials = [tiny_test.trials[name] for name in tiny_test.orders[1]]
    assert [a.trial for a in result.answers] == trials
    for answer in result.answers:
        assert answer.answer == careless(answer.trial)
        assert answer.plays_reference == (answer.trial.kind == "similarity")
        assert (answer.plays_audio, answer.seconds) == (1, 1.5)


def change_answer(**fields) -> Callable[[dict], None]:
    # The first of listener 1 is about similarity.
    return lambda content: content["answers"][0].update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "not a file that the page saves"),
        ({"test": "0123"}, "answers test 0123, this is test [0-9a-f]{16}"),
        ({"listener": 5}, "listener 5 is none of 1 to 4"),
        ({"listener": True}, "listener True is none of 1 to 4"),
        ({"listener": 2}, "its trials are not those of listener 2"),
        ({"answers": "many"}, "holds no list of answers"),
        ({"answers": ["many"]}, "holds no list of answers"),
        (change_answer(answer=None), "t[0-9]+: not complete"),
        (change_answer(answer="sad"), "answer 'sad' is none of -2, -1, 0, 1, 2"),
        (change_answer(plays_audio=0), "answered without hearing it to its end"),
        (change_answer(plays_reference=0), "answered without hearing it to its end"),
        (change_answer(plays_audio="1"), "plays or seconds are not numbers"),
        (change_answer(seconds=None), "plays or seconds are not numbers"),
    ],
)
def test_refuses_what_the_page_of_this_test_does_not_save(
    hand_in: HandIn, tiny_test: ListeningTest, change, message: str
) -> None:
    path = hand_in(1)
    content = json.loads(path.read_text())
    (change if callable(change) else lambda content: content.update(change))(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        read_result(path, tiny_test)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]"])
def test_refuses_what_is_no_result(
    tmp_path: Path, tiny_test: ListeningTest, content: bytes
) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match="not readable as json|not a file that the page saves"):
        read_result(tmp_path / "a.json", tiny_test)


def test_leaves_out_and_says_why(
    hand_in: HandIn, tiny_test: ListeningTest, tmp_path: Path, caplog: pytest.LogCaptureFixture
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
    allowed = collect_results(folder, tiny_test, max_failed_checks=1)
    assert [result.listener for result in allowed.results] == [1, 2, 4]


def test_refuses_to_score_nobody(hand_in: HandIn, tiny_test: ListeningTest, tmp_path: Path) -> None:
    (tmp_path / "handed_in").mkdir()
    with pytest.raises(ValueError, match="handed_in: none of 0 .json files counts; put"):
        collect_results(tmp_path / "handed_in", tiny_test)
    hand_in(2, choose=careless)
    with pytest.raises(ValueError, match="none of 1 .json files counts; .*2.json: failed 1 of 1"):
        collect_results(tmp_path / "handed_in", tiny_test)
