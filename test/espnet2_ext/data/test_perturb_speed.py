from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.bin import perturb_speed as command
from espnet2_ext.data import formatting as audio_jobs
from espnet2_ext.data.directory import (
    DataDirectoryError,
    Utterance,
    read_data_directory,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.data.formatting import format_wav, parse_factors, perturb_speed
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected, write_table


@pytest.fixture
def dump(tmp_path, make_wav):
    """A formatted directory of two speakers with one utterance each."""
    utterances = [
        Utterance(f"{name}-1", name, str(make_wav(f"{name}.wav", seed=seed)), emotion="sad")
        for seed, name in enumerate(["m", "t"])
    ]
    write_data_directory(tmp_path / "data", utterances)
    format_wav(tmp_path / "data", tmp_path / "dump")
    return tmp_path / "dump"


def test_all_speeds_in_one_directory(dump, tmp_path):
    out = tmp_path / "sp"
    write_rejected(dump, {"m-0": "silent"})
    assert perturb_speed(dump, out, [0.9, 1.0, 1.1]) == 6
    assert validate_data_directory(out, check_audio=True) == 6
    assert (out / "spk2utt").read_text() == (
        "m m-1\nsp0.9-m sp0.9-m-1\nsp0.9-t sp0.9-t-1\nsp1.1-m sp1.1-m-1\nsp1.1-t sp1.1-t-1\nt t-1\n"
    )
    tables = read_data_directory(out).tables
    assert set(tables["utt2emo"].values()) == {"sad"}
    lengths = tables["utt2num_samples"]
    # 4800 / 0.9 = 5333.3 and 4800 / 1.1 = 4363.6, rounded up
    assert [lengths[f"{prefix}m-1"] for prefix in ("sp0.9-", "", "sp1.1-")] == [
        "5334",
        "4800",
        "4364",
    ]
    assert tables["wav.scp"]["m-1"] == read_table(dump / "wav.scp")["m-1"]
    assert read_rejected(out) == {"m-0": "silent"}


def test_pitch_moves_with_the_factor(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 400 * np.arange(16000) / 16000)
    soundfile.write(tmp_path / "tone.wav", tone, 16000)
    write_data_directory(tmp_path / "data", [Utterance("s-1", "s", str(tmp_path / "tone.wav"))])
    format_wav(tmp_path / "data", tmp_path / "dump")
    perturb_speed(tmp_path / "dump", tmp_path / "sp", ["1.25"])
    changed, _ = soundfile.read(read_table(tmp_path / "sp" / "wav.scp")["sp1.25-s-1"])
    assert len(changed) == 12800
    assert np.abs(np.fft.rfft(changed)).argmax() * 16000 / 12800 == 500


def test_units_and_speaker_vectors_are_not_copied(dump, tmp_path, caplog):
    for name in ("units_mfcc_100", "unit_durations_mfcc_100", "spk_embed.scp"):
        write_table(dump / name, {"m-1": "1", "t-1": "2"})
    perturb_speed(dump, tmp_path / "sp", [1.0])
    assert set(read_data_directory(tmp_path / "sp").tables) == {
        "wav.scp", "utt2spk", "utt2emo", "utt2num_samples",
    }  # fmt: skip
    assert caplog.text.count("not copied, it describes audio at the old speed") == 3


def test_resume_and_workers_give_the_same_bytes(dump, tmp_path, monkeypatch):
    factors = [0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1]
    for name, num_workers in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        perturb_speed(dump, "sp", factors, num_workers=num_workers)
    paths = sorted(path for path in (tmp_path / "two" / "sp").rglob("*") if path.is_file())
    audio = [path for path in paths if path.suffix == ".flac"]
    assert len(audio) == 12
    before = {path: path.read_bytes() for path in paths}
    kept = audio[2].stat().st_mtime_ns
    audio[0].unlink()
    audio[1].write_bytes(audio[1].read_bytes()[:-1])
    (tmp_path / "two" / "sp" / "wav.scp").unlink()
    perturb_speed(dump, "sp", factors)
    assert {path: path.read_bytes() for path in paths} == before
    assert audio[2].stat().st_mtime_ns == kept
    for path in paths:
        if path.name != ".audio_journal.jsonl":
            twin = tmp_path / "one" / path.relative_to(tmp_path / "two")
            assert twin.read_bytes() == before[path]


def test_bad_audio_is_listed(dump, tmp_path, make_wav):
    broken = Path(read_table(dump / "wav.scp")["m-1"])
    broken.write_bytes(broken.read_bytes()[:2000])
    write_table(dump / "wav.scp", {"m-1": broken, "t-1": make_wav("s.wav", rate_hz=8000)})
    assert perturb_speed(dump, tmp_path / "sp", [0.9, 1.0]) == 2
    rejected = read_rejected(tmp_path / "sp")
    assert "not readable as audio" in rejected["sp0.9-m-1"]
    assert "s.wav: not 16000 Hz mono; run format_wav first" in rejected["t-1"]
    broken.unlink()
    perturb_speed(dump, tmp_path / "sp", [0.9, 1.0, 1.1])
    assert "no such file" in read_rejected(tmp_path / "sp")["m-1"]
    broken.write_bytes(b"")
    perturb_speed(dump, tmp_path / "sp", [0.9, 1.0, 1.1])
    assert "not readable as audio" in read_rejected(tmp_path / "sp")["m-1"]


def test_refuses(dump, tmp_path):
    with pytest.raises(DataDirectoryError, match="is an input too"):
        perturb_speed(dump, dump, [0.9])
    with pytest.raises(DataDirectoryError, match="utt2num_samples: missing; run the stage"):
        perturb_speed(tmp_path / "data", tmp_path / "sp", [0.9])
    for path in dump.rglob("*.flac"):
        path.unlink()
    with pytest.raises(DataDirectoryError, match="all 2 utterances were rejected"):
        perturb_speed(dump, tmp_path / "sp", [0.9])


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([], "none given"),
        (["fast"], "'fast': not a number"),
        (["1/0"], "'1/0': not a number"),
        ([0.1], "0.1: give a factor from 0.5 to 2"),
        ([2.5], "2.5: give a factor from 0.5 to 2"),
        ([0.9001], "0.9001: give at most two decimals"),
        ([0.9, "0.90"], "0.90: stands twice"),
        ([1, 1.0], "1.0: stands twice"),
    ],
)
def test_factors_that_make_no_sense(factors, message):
    with pytest.raises(ValueError, match=message):
        parse_factors(factors)


def test_prefixes():
    assert {k: str(v) for k, v in parse_factors(["0.90", 1, 1.25]).items()} == {
        "sp0.9-": "9/10",
        "": "1",
        "sp1.25-": "5/4",
    }


def test_shares_and_then_a_run_that_finds_them_done(dump, tmp_path, monkeypatch):
    perturb_speed(dump, tmp_path / "alone", [0.9, 1.0])
    for index in (1, 2):
        options = ["--data_dir", str(dump), "--out_dir", str(tmp_path / "sp"), "--factors", "0.9 1"]
        command.main([*options, "--share", f"{index}/2"])
        assert not (tmp_path / "sp/wav.scp").exists()
    monkeypatch.setattr(audio_jobs, "convert_audio", None)  # would fail if called
    assert perturb_speed(dump, tmp_path / "sp", [0.9, 1.0]) == 4
    for name in ("utt2spk", "spk2utt", "utt2emo", "utt2num_samples", "rejected.tsv"):
        assert (tmp_path / "sp" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_a_perturbed_directory_is_not_perturbed_again(dump, tmp_path):
    perturb_speed(dump, tmp_path / "sp", [0.9, 1.0])
    with pytest.raises(DataDirectoryError, match=r"sp0.9-m-1: is m-1 at that speed already"):
        perturb_speed(tmp_path / "sp", tmp_path / "again", [0.9, 1.0])
    # Speeds that are not there yet are no conflict.
    assert perturb_speed(tmp_path / "sp", tmp_path / "again", [1.1]) == 4
