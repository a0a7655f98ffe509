from pathlib import Path

import numpy as np
import pytest

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.bin import score
from espnet2_ext.data.tables import write_table
from espnet2_ext.report.records import read_records


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "valid"
    utterances = [f"{speaker}-{number}" for speaker in "ab" for number in range(4)]
    vectors = {
        utterance: np.array([utterance[0] == "a", utterance[0] == "b", 0.1 * int(utterance[-1])])
        for utterance in utterances
    }
    write_ark_scp(path / "spk_embed.scp", vectors)
    write_table(path / "utt2spk", {utterance: utterance[0] for utterance in utterances})
    emotions = {u: "sad" if int(u[-1]) < 2 else "happy" for u in utterances}
    write_table(path / "utt2emo", emotions)
    return path


def test_command_adds_a_row_and_repeats_to_the_same_file(data_dir: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    command = ["speaker_vectors", "--data_dirs", str(data_dir), "--results_path", str(results)]
    command += ["--table", "Speaker vectors (synthetic)", "--protocol", "by hand"]
    score.main(command)
    records = {record.metric: record for record in read_records(results)}
    assert list(records) == [
        "EER",
        "EER across emotions",
        "cosine, same emotion",
        "cosine, other emotion",
        "cosine, other voice",
        "emotion read",
        "chance",
    ]
    assert records["EER"].value == 0.0
    assert (records["chance"].value, records["chance"].unit) == (50.0, "%")
    assert records["emotion read"].value == 100.0
    assert records["EER"].protocol == "by hand; 8 of 8 utterances, 2 speakers, 28 pairs"
    assert {(record.row, record.n) for record in records.values()} == {("valid", 8)}
    before = results.read_text()
    score.main(command)
    assert results.read_text() == before


def test_metrics_without_labels_are_left_out(data_dir: Path, tmp_path: Path) -> None:
    (data_dir / "utt2emo").unlink()
    results = tmp_path / "results.jsonl"
    command = ["speaker_vectors", "--data_dirs", str(data_dir), "--results_path", str(results)]
    score.main([*command, "--table", "t", "--protocol", "p"])
    assert [record.metric for record in read_records(results)] == ["EER", "cosine, other voice"]


def test_vectors_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    command = [
        "speaker_vectors",
        "--data_dirs",
        str(tmp_path),
        "--results_path",
        str(tmp_path / "r.jsonl"),
    ]
    with pytest.raises(SystemExit, match="^score speaker_vectors: .*run extract_speaker_vec"):
        score.main([*command, "--table", "t", "--protocol", "p"])
