"""Vocoders compared on one data directory, and scores of speaker vectors."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from reference.tiny_vocoder import write_trained_vocoder

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.bin.score import main
from espnet2_ext.data.tables import write_table
from espnet2_ext.report.records import Record, read_records
from espnet2_ext.report.vocoders import parse_vocoders
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.mel import log_mel


@pytest.fixture
def data(tmp_path: Path, make_pulses) -> Path:
    """Return a data directory of two utterances."""
    directory = tmp_path / "data"
    wavs = {}
    for name, f0_hz, duration_s in (("a-1", 150.0, 0.4), ("a-2", 220.0, 0.3)):
        wavs[name] = tmp_path / f"{name}.wav"
        soundfile.write(wavs[name], make_pulses(f0_hz, duration_s), 16000, "FLOAT")
    write_table(directory / "wav.scp", wavs)
    write_table(directory / "utt2spk", dict.fromkeys(wavs, "a"))
    return directory


def run(data: Path, *vocoders: object) -> dict[tuple[str, str], dict]:
    """Score; return records by row and metric."""
    root = data.parent
    command = ["--data_dir", data, "--output_dir", root / "out", "--table", "T (synthetic)"]
    command += ["--results_path", root / "results.jsonl", "--protocol", "of a test"]
    main(["vocoder", *map(str, (*command, "--vocoders", *vocoders))])
    lines = (root / "results.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return {(r["row"], r["metric"]): r for r in records if r["table"] == "T (synthetic)"}


def test_a_row_a_vocoder_with_audio_and_scores(data) -> None:
    root = data.parent
    trained = write_trained_vocoder(root / "exp/voc_tiny")
    found = run(data, trained, "lim=griffin_lim")
    assert set(found) == {(r, m) for r in ("voc_tiny", "lim") for m in ("MCD", "log-mel error")}
    record = found["lim", "log-mel error"]
    assert (record["n"], record["better"]) == (2, "lower")
    assert record["protocol"] == "of a test; vocoder griffin_lim"
    errors = []
    for name in ("a-1", "a-2"):
        made, _ = soundfile.read(root / f"out/lim/wav/{name}.wav")
        true, _ = soundfile.read(root / f"{name}.wav")
        errors.append(np.abs(log_mel(made[: len(true)]) - log_mel(true)).mean())
    assert record["value"] == pytest.approx(np.mean(errors), rel=1e-4)
    rows = (root / "out/lim/scores.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["utterance", "a-1", "a-2"]
    assert float(rows[1].split("\t")[2]) == pytest.approx(errors[0], rel=1e-4)
    # Random weights are no vocoder.
    assert found["voc_tiny", "log-mel error"]["value"] > 3 * record["value"]


def test_audio_is_kept_until_the_weights_change(data) -> None:
    trained = write_trained_vocoder(data.parent / "exp/voc_tiny")
    made = data.parent / "out/voc_tiny/wav/a-1.wav"
    before = run(data, trained)["voc_tiny", "log-mel error"]["value"]
    time = made.stat().st_mtime_ns
    assert run(data, trained)["voc_tiny", "log-mel error"]["value"] == before
    assert made.stat().st_mtime_ns == time
    weights = trained / "valid.mel_loss.best.pth"
    state = torch.load(weights, weights_only=True)
    torch.save({name: 0.5 * value for name, value in state.items()}, weights)
    build_vocoder.cache_clear()  # of this process; a rerun is another one
    assert run(data, trained)["voc_tiny", "log-mel error"]["value"] != before


def test_rows_have_names_of_their_own_and_wrong_input_ends_in_one_line(data) -> None:
    assert parse_vocoders(["x=a/b", "a/c", "lim"]) == {"x": "a/b", "c": "a/c", "lim": "lim"}
    with pytest.raises(ValueError, match="b stands there twice; write ROW=VOCODER"):
        parse_vocoders(["a/b", "c/b"])
    with pytest.raises(SystemExit, match="score vocoder: vocoder 'word': expected"):
        run(data, "word")
    soundfile.write(data.parent / "a-2.wav", np.zeros(300), 16000)
    with pytest.raises(SystemExit, match=r"a-2\.wav: a mel needs .* length filter"):
        run(data, "griffin_lim")


@pytest.fixture
def speaker_data(tmp_path: Path) -> Path:
    """Return a data directory of two speakers, two emotions and vectors that tell speakers."""
    path = tmp_path / "valid"
    utterances = [f"{speaker}-{number}" for speaker in "ab" for number in range(4)]
    write_ark_scp(
        path / "spk_embed.scp",
        {u: np.array([u[0] == "a", u[0] == "b", 0.1 * int(u[-1])]) for u in utterances},
    )
    write_table(path / "utt2spk", {u: u[0] for u in utterances})
    write_table(path / "utt2emo", {u: "sad" if int(u[-1]) < 2 else "happy" for u in utterances})
    return path


def score_speakers(data_dir: Path) -> dict[str, Record]:
    results = data_dir.parent / "results.jsonl"
    command = ["speaker_vectors", "--data_dirs", data_dir, "--results_path", results]
    main([*map(str, command), "--table", "Speaker vectors (synthetic)", "--protocol", "by hand"])
    return {record.metric: record for record in read_records(results)}


def test_speaker_vectors_are_a_row_that_a_rerun_repeats(speaker_data: Path) -> None:
    records = score_speakers(speaker_data)
    assert list(records) == [
        "EER", "EER across emotions", "cosine, same emotion", "cosine, other emotion",
        "cosine, other voice", "emotion read", "chance",
    ]  # fmt: skip
    assert records["EER"].value == 0.0
    assert (records["chance"].value, records["chance"].unit) == (50.0, "%")
    assert records["emotion read"].value == 100.0
    assert records["EER"].protocol == "by hand; 8 of 8 utterances, 2 speakers, 28 pairs"
    assert {(record.row, record.n) for record in records.values()} == {("valid", 8)}
    assert score_speakers(speaker_data) == records


def test_scores_without_labels_are_left_out_and_no_vectors_are_one_line(speaker_data: Path) -> None:
    (speaker_data / "utt2emo").unlink()
    assert list(score_speakers(speaker_data)) == ["EER", "cosine, other voice"]
    (speaker_data / "spk_embed.scp").unlink()
    with pytest.raises(SystemExit, match="^score speaker_vectors: .*run extract_speaker_vec"):
        score_speakers(speaker_data)
