"""Vocoders compared on one data directory."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from reference.tiny_vocoder import write_trained_vocoder

from espnet2_ext.bin.score import main
from espnet2_ext.data.tables import write_table
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


def test_rows_have_names_of_their_own() -> None:
    assert parse_vocoders(["x=a/b", "a/c", "griffin_lim"]) == {
        "x": "a/b",
        "c": "a/c",
        "griffin_lim": "griffin_lim",
    }
    with pytest.raises(ValueError, match="b stands there twice; write ROW=VOCODER"):
        parse_vocoders(["a/b", "c/b"])


def test_wrong_input_ends_in_one_line(data) -> None:
    with pytest.raises(SystemExit, match="score vocoder: vocoder 'word': expected"):
        run(data, "word")
    wav = data.parent / "a-2.wav"
    soundfile.write(wav, np.zeros(300), 16000)
    with pytest.raises(SystemExit, match=r"a-2\.wav: a mel needs .* length filter"):
        run(data, "griffin_lim")
