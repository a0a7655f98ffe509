"""Unit tables: right, resumable, and honest about what was left out."""

import numpy as np
import pytest

from espnet2_ext.bin import extract_units as command
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import (
    read_int_table,
    read_rejected,
    read_table,
    write_rejected,
    write_table,
)
from espnet2_ext.units import extract
from espnet2_ext.units.centroids import Centroids, UnitEncoderPipeline
from espnet2_ext.units.extract import DEFINITIONS, extract_units, unit_statistics
from espnet2_ext.units.features import MfccFeatures

TABLES = ("units_mfcc_6", "unit_durations_mfcc_6", "units_mfcc_6.json")


def save_centroids(path, seed=0):
    centers = np.random.default_rng(seed).standard_normal((6, 36)).astype(np.float32)
    Centroids(centers, "mfcc", 320, 0, 1.0, settings=MfccFeatures().settings).save(path)
    return path


@pytest.fixture
def centroids_path(tmp_path):
    return save_centroids(tmp_path / "centroids.npz")


def contents(data_dir):
    return {name: (data_dir / name).read_bytes() for name in (*TABLES, "rejected.tsv")}


def test_tables_hold_what_the_pipeline_encodes(data_dir, centroids_path):
    write_rejected(data_dir, {"s-00x": "format: empty", "s-01": "units_mfcc_6: cured since"})
    result = extract_units(data_dir, centroids_path)
    units = read_int_table(data_dir / "units_mfcc_6")
    durations = read_int_table(data_dir / "unit_durations_mfcc_6")
    wavs = read_table(data_dir / "wav.scp")
    assert set(units) == set(durations) == set(wavs) - {"s-05", "s-99"}
    pipeline = UnitEncoderPipeline.from_file(centroids_path)
    for utterance_id in units:
        waveform = read_audio(wavs[utterance_id])
        expected = pipeline.encode(waveform)
        assert units[utterance_id] == expected[0].tolist()
        assert durations[utterance_id] == expected[1].tolist()
        assert sum(durations[utterance_id]) == len(waveform) // 320 + 1
    assert result["statistics"]["rejected"] == 2
    assert result["statistics"]["frames"] == sum(map(sum, durations.values()))
    assert not list(data_dir.glob(".units*"))
    listed = read_rejected(data_dir)
    assert set(listed) == {"s-00x", "s-05", "s-99"} and set(result["rejected"]) == {"s-05", "s-99"}
    assert listed["s-05"] == "units_mfcc_6: 320 samples are too short for mfcc (needs 1024)"


@pytest.fixture
def extracted(data_dir, centroids_path):
    """Return what an undisturbed run writes, which is removed again."""
    extract_units(data_dir, centroids_path)
    before = contents(data_dir)
    for name in before:
        (data_dir / name).unlink()
    return before


def test_killed_run_goes_on(data_dir, centroids_path, extracted, monkeypatch):
    encode, encoded = extract._encode, []

    def killed_after_seven(pipeline, wav):
        if len(encoded) == 7:
            raise KeyboardInterrupt
        encoded.append(wav)
        return encode(pipeline, wav)

    monkeypatch.setattr(extract, "_encode", killed_after_seven)
    with pytest.raises(KeyboardInterrupt):
        extract_units(data_dir, centroids_path)
    assert not (data_dir / "units_mfcc_6").exists()
    monkeypatch.setattr(extract, "_encode", lambda *args: encoded.append(args[1]) or encode(*args))
    extract_units(data_dir, centroids_path)
    assert len(encoded) == 14 and len(set(encoded)) == 14  # nothing twice
    assert contents(data_dir) == extracted


def test_same_files_whatever_the_workers_and_shares(
    data_dir, centroids_path, extracted, monkeypatch
):
    extract_units(data_dir, centroids_path, num_workers=2)
    assert contents(data_dir) == extracted
    (data_dir / "units_mfcc_6.json").unlink()
    (data_dir / "units_mfcc_6").unlink()
    options = ["--data_dir", str(data_dir), "--centroids_path", str(centroids_path)]
    for index in (2, 1, 3):
        command.main([*options, "--share", f"{index}/3"])
        assert not (data_dir / "units_mfcc_6").exists()
    monkeypatch.setattr(extract, "_encode", None)  # would fail if called
    command.main(options)
    assert contents(data_dir) == extracted
    command.main([*options, "--share", "1/3"])  # of a task that is repeated later
    assert contents(data_dir) == extracted and not list(data_dir.glob(".units*"))


@pytest.mark.parametrize("damage", ["table", "missing", "centroids", "data"])
def test_anything_else_is_made_again(data_dir, centroids_path, damage):
    extract_units(data_dir, centroids_path)
    right = contents(data_dir)
    if damage == "table":
        (data_dir / "units_mfcc_6").write_text("s-00 1 2\n")
    elif damage == "missing":
        (data_dir / "unit_durations_mfcc_6").unlink()
    elif damage == "centroids":
        save_centroids(centroids_path, seed=1)
    else:
        wavs = read_table(data_dir / "wav.scp")
        write_table(data_dir / "wav.scp", {key: wavs[key] for key in ("s-00", "s-05")})
    extract_units(data_dir, centroids_path)
    assert (contents(data_dir) == right) == (damage in ("table", "missing"))


def test_complete_tables_are_left_alone_also_in_a_moved_directory(
    data_dir, centroids_path, tmp_path, monkeypatch
):
    lengths = dict.fromkeys(read_table(data_dir / "wav.scp"), 3200)
    write_table(data_dir / "utt2num_samples", lengths)
    first = extract_units(data_dir, centroids_path)
    moved = data_dir.rename(tmp_path / "moved")
    wavs = read_table(moved / "wav.scp")
    write_table(moved / "wav.scp", {k: v.replace("data", "moved") for k, v in wavs.items()})
    monkeypatch.setattr(extract, "run_parts", None)  # would fail if called
    assert extract_units(moved, centroids_path) == first


def test_what_extraction_refuses(data_dir, centroids_path, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such centroids"):
        extract_units(data_dir, tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match="wav.scp"):
        extract_units(tmp_path, centroids_path)
    old, centers = tmp_path / "c.npz", np.zeros((2, 36), np.float32)
    Centroids(centers, "mfcc", 320, 0, 1.0, settings="old").save(old)
    with pytest.raises(ValueError, match="learnt on features of settings 'old'.*again"):
        extract_units(data_dir, old)
    write_table(data_dir / "wav.scp", {"s-99": "missing.wav"})
    with pytest.raises(ValueError, match="no utterance is usable, e.g. s-99: .*missing.wav"):
        extract_units(data_dir, centroids_path)
    assert not (data_dir / "units_mfcc_6").exists()
    (data_dir / "wav.scp").write_text("")
    with pytest.raises(ValueError, match="holds no utterances"):
        extract_units(data_dir, centroids_path)


def test_statistics():
    # frames: unit 0 two, unit 1 two, unit 2 four, unit 3 none: 2 * 1/4 * 2 bits + 1/2 * 1 bit
    totals = {"utterances": 2, "units": 4, "num_samples": 64000, "squared_distance": 8.0}
    derived = {
        "units_per_second": 1.0,
        "usage_entropy_bits": 1.5,
        "perplexity": 2.828,
        "unused_codes": 1,
        "inertia": 1.0,
    }
    counts = {"utterances": 2, "audio_s": 4.0, "frames": 8, "units": 4}
    assert unit_statistics(np.array([2, 2, 4, 0]), totals) == counts | derived
    assert DEFINITIONS.keys() == derived.keys()
    one_code = unit_statistics(np.array([0, 5]), totals)
    assert (one_code["usage_entropy_bits"], one_code["perplexity"]) == (0, 1)
