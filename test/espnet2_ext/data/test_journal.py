from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from espnet2_ext.data.formatting import run_with_journal


@dataclass(frozen=True)
class Task:
    name: str


@dataclass(frozen=True)
class Note:
    job: Task
    number: int

    def holds(self) -> bool:
        return self.number > 0


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, int]]:
    """Return a function that does the named jobs, which count up from a number."""

    def run(names: str, start: int = 1, stop_before: str = "") -> dict[str, int]:
        def work(waiting: list[Task]) -> Iterator[Note]:
            for number, job in enumerate(waiting, start=start):
                if job.name == stop_before:
                    raise KeyboardInterrupt
                yield Note(job, number)

        jobs = [Task(name) for name in names]
        path = tmp_path / "folder/journal.jsonl"
        decode = lambda fields: Note(Task(**fields["job"]), fields["number"])  # noqa: E731
        records, num_done = run_with_journal(path, jobs, lambda job: job.name, decode, work)
        assert [record.job for record in records] == jobs
        return {record.job.name: record.number for record in records} | {"done": num_done}

    return run


def test_what_holds_is_not_done_again(run):
    assert run("aü") == {"a": 1, "ü": 2, "done": 2}
    assert run("aüc", start=7) == {"a": 1, "ü": 2, "c": 7, "done": 1}
    assert run("a", start=9) == {"a": 1, "done": 0}
    assert run("aü", start=0) == {"a": 1, "ü": 0, "done": 1}, "what left the jobs is forgotten"
    assert run("aü", start=5) == {"a": 1, "ü": 5, "done": 1}, "what does not hold is done again"


def test_a_kill_costs_what_is_in_flight(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run("abc", stop_before="c")
    path = tmp_path / "folder/journal.jsonl"
    path.write_bytes(path.read_bytes()[:-4])  # a torn last line
    assert run("abc", start=7) == {"a": 1, "b": 7, "c": 8, "done": 2}
    assert [each.name for each in path.parent.iterdir()] == ["journal.jsonl"]


@pytest.mark.parametrize("line", ["[1]", "null", '{"job": {"name": "b"}}', '{"number": 1}', "{"])
def test_lines_that_are_no_record_are_skipped(run, tmp_path, line):
    run("a")
    with open(tmp_path / "folder/journal.jsonl", "a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    assert run("ab", start=3) == {"a": 1, "b": 3, "done": 1}
