"""An intensity scale of pulse trains whose pitch, level and length are known."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.bin.score import main
from espnet2_ext.data.tables import write_table
from espnet2_ext.report.records import read_records

# pair: pitch of the source, at a = 0, 0.5, 1, and of the target.
PITCHES = {"up": (120, 120, 150, 180, 200), "back": (200, 200, 220, 180, 150)}


@pytest.fixture
def files(tmp_path: Path, make_pulses) -> dict[str, Path]:
    """Return dump, pairs and inference directories of two pairs at three intensities."""
    folders = {name: tmp_path / name for name in ("dump", "pairs", "inference")}
    tables = {name: {} for name in ("pairs", "prosody_mix", "scale", "targets", "conditions")}
    sounds: dict[str, dict[str, Path]] = {"dump": {}, "inference": {}}

    def write(folder: str, name: str, f0_hz: float, amplitude: float = 0.5) -> None:
        path = folders[folder] / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, make_pulses(f0_hz, 0.3, amplitude), 16000, "FLOAT")
        sounds[folder][name] = path

    for pair, (source, *at, target) in PITCHES.items():
        write("dump", f"{pair}-s", source, 0.25)
        write("dump", f"{pair}-t", target)
        for a, f0_hz in zip((0, 0.5, 1), at, strict=True):
            name = f"{pair}_at_{a}"
            write("inference", name, f0_hz)
            tables["pairs"][name] = f"{pair}-s {pair}-r"
            tables["prosody_mix"][name] = f"{pair}-s {1 - a} {pair}-r {a}"
            tables["scale"][name] = f"{pair} {a}"
            tables["targets"][name] = f"{pair}-t"
            tables["conditions"][name] = f"neutral-{pair}"
    for folder, table in sounds.items():
        write_table(folders[folder] / "wav.scp", table)
    for name, table in tables.items():
        write_table(folders["pairs"] / name, table)
    return folders


def score(files: dict[str, Path]) -> dict[tuple[str, str, str], float]:
    results = files["dump"].parent / "results.jsonl"
    options = {"inference_dir": files["inference"], "data_dir": files["dump"]}
    options |= {"pairs_dir": files["pairs"], "results_path": results}
    command = [str(w) for name, value in options.items() for w in (f"--{name}", value)]
    main(["intensity", *command, "--table", "T", "--protocol", "P"])
    return {(r.table, r.row, r.metric): r.value for r in read_records(results)}


def test_means_and_trends(files: dict[str, Path]) -> None:
    found = score(files)
    for condition, (source, *at, target) in PITCHES.items():
        stages = ("source", "a = 0", "a = 0.5", "a = 1", "true target")
        for stage, f0_hz in zip(stages, (source, *at, target), strict=True):
            value = found["T", f"neutral-{condition}, {stage}", "F0 mean"]
            assert value == pytest.approx(f0_hz, rel=0.02)
    trends = "T: trends"
    assert found[trends, "neutral-up", "F0 mean: correlation"] == pytest.approx(1.0)
    # 200 220 180 downwards: ranks 2 3 1, Spearman -0.5; one of two steps goes down.
    assert found[trends, "neutral-back", "F0 mean: correlation"] == pytest.approx(0.5)
    assert found[trends, "neutral-back", "F0 mean: right steps"] == pytest.approx(0.5)
    assert found[trends, "all", "F0 mean: correlation"] == pytest.approx(0.75)
    # Every sound lasts as long: nothing follows.
    assert found[trends, "all", "duration: right steps"] == 0.0


def test_the_files_hold_every_value_of_the_tables(files: dict[str, Path]) -> None:
    found = score(files)
    with open(files["inference"] / "intensity.tsv") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert len(rows) == 6
    mean = np.mean([float(row["f0_hz"]) for row in rows if row["condition"] == "neutral-up"])
    stages = [found["T", f"neutral-up, a = {a}", "F0 mean"] for a in ("0", "0.5", "1")]
    assert mean == pytest.approx(np.mean(stages), rel=1e-4)
    with open(files["inference"] / "intensity_trends.tsv") as stream:
        trends = list(csv.DictReader(stream, delimiter="\t"))
    of_f0 = [float(row["correlation"]) for row in trends if row["measure"] == "F0 mean"]
    assert np.mean(of_f0) == pytest.approx(found["T: trends", "all", "F0 mean: correlation"])


def test_speech_without_voice_counts_as_0_hz(files: dict[str, Path]) -> None:
    soundfile.write(files["inference"] / "up_at_1.wav", np.zeros(4800), 16000)
    found = score(files)
    assert found["T", "neutral-up, a = 1", "F0 mean"] == 0.0
    assert found["T: trends", "neutral-up", "F0 mean: right steps"] == 0.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: write_table(f["inference"] / "wav.scp", {"up_at_0": "x"}), "lacks back_at_0"),
        (lambda f: [write_table(f["pairs"] / n, {}) for n in ("pairs", "prosody_mix", "scale")],
         "holds no pairs"),
        (lambda f: (f["pairs"] / "scale").unlink(), "scale"),
    ],
)  # fmt: skip
def test_what_is_missing_is_one_line(files: dict[str, Path], change, said: str) -> None:
    change(files)
    with pytest.raises(SystemExit, match=f"score intensity: .*{said}"):
        score(files)
