from pathlib import Path

import numpy as np
import pytest

from espnet2_ext._compat import load_ark_scp, write_ark_scp
from espnet2_ext.speaker.embeddings import VectorTable

VECTORS = {f"a-{number}": np.arange(3) + number for number in range(4)}


def test_vectors_are_those_of_the_ark_library(tmp_path: Path) -> None:
    path = tmp_path / "spk_embed.scp"
    write_ark_scp(path, VECTORS)
    table, oracle = VectorTable(path), load_ark_scp(path)
    assert list(table) == sorted(VECTORS)
    assert len(table) == 4
    for utterance, vector in VECTORS.items():
        assert utterance in table
        assert table[utterance].dtype == np.float32
        np.testing.assert_array_equal(table[utterance], vector)
        np.testing.assert_array_equal(table[utterance], oracle[utterance])
    assert "a-4" not in table
    assert 4 not in table
    with pytest.raises(KeyError, match="a-4"):
        table["a-4"]


def test_several_arks_make_one_table(tmp_path: Path) -> None:
    (tmp_path / "p:q").mkdir()
    write_ark_scp(tmp_path / "p:q/x.scp", {"a-1": VECTORS["a-1"], "a-3": VECTORS["a-3"]})
    write_ark_scp(tmp_path / "y.scp", {"a-2": VECTORS["a-2"]})
    lines = (tmp_path / "p:q/x.scp").read_text() + (tmp_path / "y.scp").read_text()
    (tmp_path / "all.scp").write_text("".join(sorted(lines.splitlines(keepends=True))))
    table = VectorTable(tmp_path / "all.scp")
    for utterance in ("a-1", "a-2", "a-3"):
        np.testing.assert_array_equal(table[utterance], VECTORS[utterance])


def test_several_tables_of_which_some_utterances_are_kept(tmp_path: Path) -> None:
    ones = {name: np.ones(1) for name in ("a-1", "a-2", "c-1")}
    twos = {name: np.full(1, 2.0) for name in ("a-2", "a-3", "b-1")}
    for name, vectors in (("x", ones), ("y", twos)):
        write_ark_scp(tmp_path / f"{name}.scp", vectors)
    tables = (tmp_path / "x.scp", tmp_path / "y.scp")
    expected = {"a-1": 1, "a-2": 1, "a-3": 2, "b-1": 2, "c-1": 1}
    table = VectorTable(*tables)
    assert {name: vector.item() for name, vector in table.items()} == expected
    kept = ["a-2", "a-25", "b-1"]
    assert list(VectorTable(*tables, among=kept)) == ["a-2", "b-1"]
    assert list(VectorTable(*tables, among=[])) == []
    (tmp_path / "y.scp").write_text("a-3 y.ark:9\na-2 y.ark:5\n")
    with pytest.raises(ValueError, match="y.scp: a-2 stands after a-3; sort it"):
        VectorTable(*tables, among=["c-1"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a-1 x.ark\n", "spk_embed.scp: a-1: expected 'ark:offset', got 'x.ark'"),
        ("a-1 :7\n", "expected 'ark:offset', got ':7'"),
        ("a-1 x.ark:7[0:2]\n", "expected 'ark:offset'"),
        ("a-2 x.ark:7\na-1 x.ark:9\n", "spk_embed.scp: a-1 stands after a-2; sort it by key"),
    ],
)
def test_errors_name_file_and_utterance(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "spk_embed.scp"
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        VectorTable(path)
    assert message in str(caught.value)
