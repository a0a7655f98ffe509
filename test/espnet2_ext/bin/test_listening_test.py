"""The entry points of a listening test, in the order in which they are called."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from espnet2_ext.bin import listening_test
from espnet2_ext.data.tables import write_table
from espnet2_ext.report.records import read_records


@pytest.fixture
def conversion(tmp_path: Path, make_wav: Callable[..., Path]) -> Path:
    """Return a folder with ``dump pairs exp``: one conversion to angry of each of two sentences."""
    wavs = {}
    for number, name in enumerate(f"a-{s}-{e}" for s in "12" for e in ("neutral", "angry")):
        wavs[name] = make_wav(f"wav/{name}.wav", duration_s=0.1, seed=number)
    write_table(tmp_path / "dump/wav.scp", wavs)
    write_table(tmp_path / "dump/utt2spk", dict.fromkeys(wavs, "a"))
    write_table(tmp_path / "pairs/pairs", {s: f"a-{s}-neutral a-{s}-angry x" for s in "12"})
    write_table(tmp_path / "pairs/targets", {s: f"a-{s}-angry" for s in "12"})
    write_table(tmp_path / "pairs/conditions", dict.fromkeys("12", "neutral-angry"))
    converted = {s: make_wav(f"exp/{s}.wav", duration_s=0.1, seed=8 + int(s)) for s in "12"}
    write_table(tmp_path / "exp/wav.scp", converted)
    return tmp_path


def test_from_conversions_to_results(conversion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(conversion)
    listening_test.main(
        "manifest --system ours=exp --data_dir dump --pairs_dir pairs --out_path list.tsv "
        "--num_items 1 --num_practice 1".split()
    )
    make = "make --manifest_path list.tsv --out_dir out --title Emotions --num_listeners 2".split()
    listening_test.main(make)
    key = json.loads(Path("out/key.json").read_text())
    # 3 systems in both kinds, a neutral original, and practice of both kinds.
    assert [len(order) for order in key["orders"]] == [9, 9]
    answers = []
    for name in key["orders"][1]:
        trial = key["trials"][name]
        answer = "1" if trial["kind"] == "similarity" else "angry"
        answers.append(
            {"trial": name, "answer": answer, "plays_reference": 1, "plays_audio": 1, "seconds": 1}
        )
    result = {"format": 1, "test": key["hash"], "listener": 2, "answers": answers}
    Path("in").mkdir()
    Path("in/2.json").write_text(json.dumps(result))
    score = "score --key_path out/key.json --result_dir in --output_dir exp/listening".split()
    score += ["--results_path", "exp/results.jsonl", "--table", "Heard", "--protocol", "one friend"]
    listening_test.main(score)
    found = {(r.row, r.metric): r.value for r in read_records("exp/results.jsonl")}
    assert found["ours", "emotion similarity"] == 1.0
    assert found["ours, angry", "emotion recognised"] == 1.0
    # The neutral original counts for itself: no other system has one.
    assert found["ground-truth target", "emotion recognised"] == 1.0
    assert found["ground-truth target, neutral", "emotion recognised"] == 0.0
