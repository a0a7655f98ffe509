import logging
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.bin import perturb_speed as perturb_command
from espnet2_ext.data import formatting
from espnet2_ext.data.directory import (
    DataDirectoryError,
    Utterance,
    read_data_directory,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.data.formatting import format_wav, parse_factors, perturb_speed
from espnet2_ext.data.parallel import Share
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected, write_table


@pytest.fixture
def data(tmp_path, make_wav):
    """Four good files; the last one is stereo at 44.1 kHz."""
    wavs = [make_wav(f"good{index}.wav", seed=index) for index in range(3)]
    wavs.append(make_wav("stereo.wav", rate_hz=44100, channels=2, seed=3))
    write_directory(tmp_path / "data", wavs)
    return tmp_path / "data"


def write_directory(path, wavs):
    write_data_directory(
        path,
        [Utterance(f"s-{wav.stem}", "s", str(wav), emotion="sad", text=wav.stem) for wav in wavs],
    )


def contents(path: Path) -> dict[str, bytes]:
    """Return every file but the journal, which holds the times of the sources."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != ".audio_journal.jsonl"
    }


def flac(out, name):
    return Path(read_table(out / "wav.scp")[f"s-{name}"])


@pytest.fixture
def converted(monkeypatch):
    """Return the list of utterances that are really converted, one worker."""
    done = []

    def convert(job):
        done.append(job.utterance_id)
        return original(job)

    original = formatting.convert_audio
    monkeypatch.setattr(formatting, "convert_audio", convert)
    return done


def test_a_formatted_directory(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = Path("dump/raw/x")  # paths are written as the caller gives them
    assert format_wav("data", out) == 4
    assert validate_data_directory(out, check_audio=True) == 4
    tables = read_data_directory(out)
    assert set(tables) == {"wav.scp", "utt2spk", "text", "utt2emo", "utt2num_samples"}
    assert set(tables["utt2num_samples"].values()) == {"4800"}
    assert tables["text"]["s-stereo"] == "stereo"
    for wav in tables["wav.scp"].values():
        assert Path(wav).parent.parent == out / "audio"
        header = soundfile.info(wav)
        assert (header.samplerate, header.channels, header.format) == (16000, 1, "FLAC")
    assert read_rejected(out) == {} and (out / "rejected.tsv").exists()
    source = soundfile.read("good0.wav", dtype="int16")[0]
    assert np.array_equal(soundfile.read(flac(out, "good0"), dtype="int16")[0], source)


def bad_files(make_wav, folder):
    """Return every kind of bad file by the reason it must get."""
    garbage, cut, zero_bytes = folder / "garbage.wav", make_wav("cut.wav"), folder / "bytes0.wav"
    garbage.write_bytes(b"no audio at all " * 50)
    cut.write_bytes(cut.read_bytes()[:5000])
    cut_flac = make_wav("cut_flac.flac")
    cut_flac.write_bytes(cut_flac.read_bytes()[:3000])
    zero_bytes.touch()
    not_finite, silent = folder / "nan.wav", folder / "silent.wav"
    soundfile.write(not_finite, np.full(4800, np.nan), 16000, subtype="FLOAT")
    soundfile.write(silent, np.zeros(4800), 16000)
    return {
        folder / "missing.wav": "no such file",
        make_wav("empty.wav", duration_s=0): "holds no samples",
        make_wav("short.wav", duration_s=0.02): "0.020 s, shorter than 0.1 s",
        garbage: "not readable as audio",
        zero_bytes: "not readable as audio",
        cut: "cut short, 4956 of 9600 bytes",
        cut_flac: "not readable as audio",
        not_finite: "not finite",
        silent: "silent",
    }


def test_bad_files_are_listed_and_counted(data, tmp_path, make_wav, caplog):
    bad = bad_files(make_wav, tmp_path)
    write_directory(data, [*(tmp_path / f"good{index}.wav" for index in range(3)), *bad])
    write_rejected(data, {"s-unheard": "no label"})
    out = tmp_path / "dump"
    with caplog.at_level(logging.INFO):
        assert format_wav(data, out) == 3
    rejected = read_rejected(out)
    assert rejected.pop("s-unheard") == "no label"
    assert rejected.keys() == {f"s-{path.stem}" for path in bad}
    for path, reason in bad.items():
        assert reason in rejected[f"s-{path.stem}"]
    assert "9 of 12 utterances rejected" in caplog.text
    assert validate_data_directory(out, check_audio=True) == 3


def test_what_format_wav_refuses(data, tmp_path):
    write_directory(tmp_path / "bad", [tmp_path / "a.wav", tmp_path / "b.wav"])
    with pytest.raises(DataDirectoryError, match="all 2 utterances were rejected.*s-a: .*no such"):
        format_wav(tmp_path / "bad", tmp_path / "dump")
    assert len(read_rejected(tmp_path / "dump")) == 2
    with pytest.raises(DataDirectoryError, match="is an input too"):
        format_wav(data, data)
    (data / "text").write_text("s-good0 x\n")
    with pytest.raises(DataDirectoryError, match="text: s-good1"):
        format_wav(data, tmp_path / "dump")
    assert not (tmp_path / "dump" / "wav.scp").exists()


def test_bytes_depend_neither_on_workers_nor_on_shares(
    data, tmp_path, monkeypatch, make_wav, converted
):
    bad = list(bad_files(make_wav, tmp_path))
    more = [make_wav(f"more{i}.wav", rate_hz=22050, duration_s=0.2, seed=i) for i in range(9)]
    write_directory(data, [tmp_path / "stereo.wav", *bad, *more])
    found = {}
    for name, num_workers in (("one", 1), ("two", 2), ("shared", 1)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        if name == "shared":
            converted.clear()
            assert sum(format_wav(data, "dump", share=Share(each, 3)) for each in (1, 2, 3)) == 10
            assert not any(Path("dump", table).exists() for table in ("wav.scp", "rejected.tsv"))
        assert format_wav(data, "dump", num_workers=num_workers) == 10
        found[name] = contents(Path("dump"))
    assert len(converted) == len(set(converted)) == 19
    assert found["one"] == found["two"] == found["shared"]


def test_resume_after_a_kill_gives_the_same_files(data, tmp_path, converted):
    out = tmp_path / "dump"
    format_wav(data, out)
    undisturbed = contents(out)
    # As a kill leaves it: no tables yet, a temporary file, a torn last line of the
    # journal, one file lost, one half there.
    for name in ("wav.scp", "utt2spk", "text", "rejected.tsv"):
        (out / name).unlink()
    paths = [out / name for name in undisturbed if name.startswith("audio/")]
    (paths[0].parent / f".{paths[0].stem}.123.part.flac").write_bytes(b"half")
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:500])
    journal = paths[2].with_name(".audio_journal.jsonl")
    journal.write_text(journal.read_text()[:-40])
    with open(paths[3].with_name(".audio_journal.jsonl"), "a") as stream:
        stream.write('[1]\nnull\n{"job": {"utterance_id": "s-x"}}\n{"reason": ""}\n{')  # no records
    converted.clear()
    format_wav(data, out)
    assert sorted(converted) == sorted(path.stem for path in paths[:3]) and len(paths) == 4
    assert contents(out) == undisturbed


def test_a_kill_in_the_middle_keeps_what_was_done(data, tmp_path, monkeypatch, converted):
    convert, out = formatting.convert_audio, tmp_path / "dump"

    def die_at_third(job):
        if len(converted) == 2:
            raise KeyboardInterrupt
        return convert(job)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(formatting, "convert_audio", die_at_third)
        format_wav(data, out)
    assert not (out / "wav.scp").exists()
    assert format_wav(data, out) == 4
    assert len(converted) == len(set(converted)) == 4


def test_only_what_changed_is_redone_and_what_was_made_from_it_is_dropped(
    data, tmp_path, make_wav, converted, monkeypatch
):
    def times():
        files = (file for file in out.rglob("*") if file.name != "rejected.tsv")
        return {file: file.stat().st_mtime_ns for file in files if file.is_file()}

    def interrupt(*arguments):
        raise KeyboardInterrupt

    out = tmp_path / "dump"
    format_wav(data, out)
    write_table(out / "units_x", dict.fromkeys(read_table(out / "wav.scp"), "1 2"))
    before = times()
    converted.clear()
    assert format_wav(data, out) == 4
    assert converted == [] and times() == before

    os.utime(make_wav("good1.wav", seed=9, duration_s=0.31), ns=(1, 1))
    moved = {"s-good2": make_wav("elsewhere.wav", seed=7)}
    write_table(data / "wav.scp", read_table(data / "wav.scp") | moved)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(formatting, "_write_dump", interrupt)
        format_wav(data, out)
    format_wav(data, out)
    assert sorted(converted) == ["s-good1", "s-good2"]
    assert read_table(out / "utt2num_samples")["s-good1"] == "4960"
    source = soundfile.read(tmp_path / "good1.wav", dtype="int16")[0]
    assert np.array_equal(soundfile.read(flac(out, "good1"), dtype="int16")[0], source)
    assert not (out / "units_x").exists()


def test_repaired_spoiled_and_clipped_files(data, tmp_path, make_wav, caplog):
    caplog.set_level(logging.INFO)
    soundfile.write(tmp_path / "good2.wav", np.full(4800, 1.5), 16000, subtype="FLOAT")
    out = tmp_path / "dump"
    (tmp_path / "good0.wav").unlink()
    assert format_wav(data, out) == 3
    spoiled = flac(out, "good1")
    make_wav("good0.wav")
    (tmp_path / "good1.wav").write_bytes(b"")
    assert format_wav(data, out) == 3
    assert list(read_rejected(out)) == ["s-good1"]
    assert flac(out, "good0").exists() and not spoiled.exists()
    assert "1 files clipped at full scale, first s-good2" in caplog.text


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


def test_all_speeds_in_one_directory(dump, tmp_path, caplog):
    out = tmp_path / "sp"
    write_rejected(dump, {"m-0": "silent"})
    for name in ("units_mfcc_100", "unit_durations_mfcc_100", "spk_embed.scp"):
        write_table(dump / name, {"m-1": "1", "t-1": "2"})
    assert perturb_speed(dump, out, [0.9, 1.0, 1.1]) == 6
    assert validate_data_directory(out, check_audio=True) == 6
    assert (out / "spk2utt").read_text() == (
        "m m-1\nsp0.9-m sp0.9-m-1\nsp0.9-t sp0.9-t-1\nsp1.1-m sp1.1-m-1\nsp1.1-t sp1.1-t-1\nt t-1\n"
    )
    tables = read_data_directory(out)
    assert set(tables) == {"wav.scp", "utt2spk", "utt2emo", "utt2num_samples"}
    assert caplog.text.count("not copied, it describes audio at the old speed") == 3
    assert set(tables["utt2emo"].values()) == {"sad"}
    # 4800 / 0.9 = 5333.3 and 4800 / 1.1 = 4363.6, rounded up
    lengths = [tables["utt2num_samples"][f"{prefix}m-1"] for prefix in ("sp0.9-", "", "sp1.1-")]
    assert lengths == ["5334", "4800", "4364"]
    assert tables["wav.scp"]["m-1"] == read_table(dump / "wav.scp")["m-1"]
    assert read_rejected(out) == {"m-0": "silent"}


def test_speeds_do_not_depend_on_workers_or_shares(dump, tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        if name == "two":
            options = ["--data_dir", str(dump), "--out_dir", "sp", "--factors", "0.9 1 1.1"]
            for index in (1, 2):
                perturb_command.main([*options, "--share", f"{index}/2"])
                assert not Path("sp/wav.scp").exists()
            monkeypatch.setattr(formatting, "convert_audio", None)  # would fail if called
        assert perturb_speed(dump, "sp", [0.9, 1.0, 1.1], num_workers=2) == 6
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_bad_audio_is_listed(dump, tmp_path, make_wav):
    broken = Path(read_table(dump / "wav.scp")["m-1"])
    broken.write_bytes(broken.read_bytes()[:2000])
    write_table(dump / "wav.scp", {"m-1": broken, "t-1": make_wav("s.wav", rate_hz=8000)})
    assert perturb_speed(dump, tmp_path / "sp", [0.9, 1.0]) == 2
    rejected = read_rejected(tmp_path / "sp")
    assert "not readable as audio" in rejected["sp0.9-m-1"]
    assert "s.wav: not 16000 Hz mono; run format_wav first" in rejected["t-1"]
    for path in (broken, tmp_path / "s.wav"):
        path.unlink()
    with pytest.raises(DataDirectoryError, match="all 2 utterances were rejected.*no such file"):
        perturb_speed(dump, tmp_path / "sp", [1.0])
    with pytest.raises(DataDirectoryError, match="is an input too"):
        perturb_speed(dump, dump, [0.9])
    with pytest.raises(DataDirectoryError, match="utt2num_samples: missing; run the stage"):
        perturb_speed(tmp_path / "data", tmp_path / "sp", [0.9])


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([], "none given"),
        (["fast"], "'fast': not a number"),
        (["1/0"], "'1/0': not a number"),
        ([0.1], "0.1: give one from 0.5 to 2"),
        ([0.9001], "0.9001: give one from 0.5 to 2, with two decimals"),
        ([0.9, "0.90"], "0.90: stands twice"),
    ],
)
def test_factors_that_make_no_sense(factors, message):
    with pytest.raises(ValueError, match=message):
        parse_factors(factors)
    found = {prefix: str(speed) for prefix, speed in parse_factors(["0.90", 1, 1.25]).items()}
    assert found == {"sp0.9-": "9/10", "": "1", "sp1.25-": "5/4"}


def test_a_perturbed_directory_is_not_perturbed_again(dump, tmp_path):
    perturb_speed(dump, tmp_path / "sp", [0.9, 1.0])
    with pytest.raises(DataDirectoryError, match=r"sp0.9-m-1: is m-1 at that speed already"):
        perturb_speed(tmp_path / "sp", tmp_path / "again", [0.9, 1.0])
    # Speeds that are not there yet are no conflict.
    assert perturb_speed(tmp_path / "sp", tmp_path / "again", [1.1]) == 4
