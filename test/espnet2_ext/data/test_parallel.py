import os
import signal
import subprocess
import sys

import pytest

from espnet2_ext.data.parallel import (
    Share,
    atomic_open,
    atomic_path,
    parallel_map,
    parse_share,
    remove_leftovers,
    run_parts,
    temporary_path,
)

_offset = 0


def _set_offset(value):
    global _offset
    _offset = value


def _shifted(item):
    if item == 13:
        raise RuntimeError("thirteen")
    return item + _offset


@pytest.mark.parametrize("num_workers", [1, 2])
def test_order_and_initializer(num_workers):
    results = parallel_map(
        _shifted,
        range(12),
        description="test",
        num_workers=num_workers,
        chunk_size=5,
        initializer=_set_offset,
        initializer_arguments=(100,),
        start_method="fork",
    )
    assert list(results) == list(range(100, 112))


@pytest.mark.parametrize("num_workers", [1, 2])
def test_items_are_taken_in_turn_and_an_exception_reaches_the_caller(num_workers):
    _set_offset(0)
    items = iter([*range(100, 200), 13])
    results = parallel_map(
        _shifted, items, description="test", num_workers=num_workers, start_method="fork"
    )
    assert next(results) == 100
    assert next(items) <= 116, "more chunks in flight than needed"
    with pytest.raises(RuntimeError, match="thirteen"):
        list(results)


PARENT = """
import os, time
from espnet2_ext.data.parallel import parallel_map

def work(item):
    os.write(1, b"%d\\n" % os.getpid())  # one call: lines of two workers must not mix
    time.sleep(60)

list(parallel_map(work, [1, 2], description="", num_workers=2, start_method="fork"))
"""


def test_workers_end_when_their_parent_is_killed():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    workers = {int(parent.stdout.readline()) for _ in range(2)}
    assert len(workers) == 2
    os.kill(parent.pid, signal.SIGKILL)
    assert parent.stdout.read() == b""  # the pipe closes when the last worker is gone
    parent.wait()


def test_the_file_appears_when_the_block_ends_and_an_error_leaves_the_old_one(tmp_path):
    target = tmp_path / "new" / "table"
    with atomic_open(target) as stream:
        stream.write("a b\n")
        assert not target.exists()
    assert target.read_bytes() == b"a b\n"
    with pytest.raises(RuntimeError, match="stop"), atomic_open(target, "wb") as stream:
        stream.write(b"half")
        raise RuntimeError("stop")
    assert target.read_text() == "a b\n"
    assert [entry.name for entry in target.parent.iterdir()] == ["table"]
    with atomic_path(tmp_path / "y.flac") as temporary:
        assert temporary.suffix == ".flac"
        temporary.touch()


def test_leftovers_of_killed_writers_go_and_other_hidden_files_stay(tmp_path):
    folder = tmp_path / "audio" / "00"
    folder.mkdir(parents=True)
    kept = [tmp_path / ".hidden.1", folder / "utt.1.flac"]
    for path in (*kept, temporary_path(folder / "utt.1.flac"), temporary_path(tmp_path / "text")):
        path.touch()
    assert remove_leftovers(tmp_path) == 2
    assert sorted(each for each in tmp_path.rglob("*") if each.is_file()) == kept


def test_shares_cover_all_parts_once():
    shares = [parse_share(f"{index}/3") for index in (1, 2, 3)]
    owners = [[share.index for share in shares if share.has(part)] for part in range(5)]
    assert owners == [[1], [2], [3], [1], [2]]
    for text in ("", "3", "0/4", "5/4", "-1/4", "a/b", "1/2/3", "1/ 2", "²/3"):
        with pytest.raises(ValueError, match=r"give one such as 3/32"):
            parse_share(text)


def _write_part(part):
    path, items = part
    path.write_text("".join(items))


def test_parts_of_all_shares_and_those_made_otherwise(tmp_path):
    def run(facts, share=None):
        options = {"suffix": ".txt", "share": share, "num_workers": 1}
        parts = run_parts(tmp_path / ".x_parts_", facts, _write_part, "abcdefg", 3, **options)
        return [path.read_text() for path in parts if path.is_file()]

    assert run({"seed": 0}, Share(2, 2)) == ["def"]
    assert run({"seed": 0}) == ["abc", "def", "g"]
    [folder] = tmp_path.iterdir()
    (folder / "000001.txt").write_text("kept")
    assert run({"seed": 0}) == ["abc", "kept", "g"]
    assert run({"seed": 1}) == ["abc", "def", "g"]
    assert len(list(tmp_path.iterdir())) == 1 and not folder.exists()
