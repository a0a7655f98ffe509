"""The file of a listener."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from espnet2_ext.listening.design import ListeningTest
from espnet2_ext.listening.results import read_result


def test_reads_what_was_answered(hand_in: Callable[..., Path], tiny_test: ListeningTest) -> None:
    path = hand_in(2, choose=lambda trial: "-1" if trial.kind == "similarity" else "sad")
    result = read_result(path, tiny_test)
    assert (result.path, result.listener) == (str(path), 2)
    assert [a.trial for a in result.answers] == [
        tiny_test.trials[name] for name in tiny_test.orders[1]
    ]
    for answer in result.answers:
        is_similarity = answer.trial.kind == "similarity"
        assert answer.answer == ("-1" if is_similarity else "sad")
        assert (answer.plays_reference, answer.plays_audio) == (int(is_similarity), 1)
        assert answer.seconds == 1.5
    assert result.checks == (1, 1)


def test_counts_checks_by_what_was_expected(
    hand_in: Callable[..., Path], tiny_test: ListeningTest
) -> None:
    assert read_result(hand_in(1), tiny_test).checks == (0, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "not a file that the page saves"),
        ({"test": "0123"}, "answers test 0123, this is test [0-9a-f]{16}"),
        ({"listener": 5}, "listener 5 is none of 1 to 4"),
        ({"listener": True}, "listener True is none of 1 to 4"),
        ({"listener": 2}, "its trials are not those of listener 2"),
        ({"answers": []}, "its trials are not those of listener 1"),
        ({"answers": "many"}, "holds no list of answers"),
        ({"answers": ["many"]}, "holds no list of answers"),
    ],
)
def test_refuses_a_file_of_another_test(
    hand_in: Callable[..., Path],
    tiny_test: ListeningTest,
    changes: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        read_result(hand_in(1, changes=changes), tiny_test)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answer": None}, "not complete: t[0-9]+ has no answer"),
        ({"answer": "3"}, "answer '3' is none of -2, -1, 0, 1, 2"),
        ({"answer": "sad"}, "answer 'sad' is none of -2"),
        ({"plays_audio": 0}, "answered without hearing it to its end"),
        ({"plays_reference": 0}, "answered without hearing it to its end"),
        ({"plays_audio": "1"}, "plays or seconds are not numbers"),
        ({"seconds": None}, "plays or seconds are not numbers"),
    ],
)
def test_refuses_an_answer_that_the_page_does_not_give(
    hand_in: Callable[..., Path],
    tiny_test: ListeningTest,
    changes: dict[str, object],
    message: str,
) -> None:
    path = hand_in(1)
    content = json.loads(path.read_text())
    # The first of listener 1 is about similarity.
    content["answers"][0].update(changes)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        read_result(path, tiny_test)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b"3"])
def test_refuses_what_is_no_result(
    tmp_path: Path, tiny_test: ListeningTest, content: bytes
) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match="not readable as json|not a file that the page saves"):
        read_result(tmp_path / "a.json", tiny_test)
