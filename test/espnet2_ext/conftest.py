"""A finished conversion in miniature, for the metrics and the report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.tables import write_table


@dataclass(frozen=True)
class ConversionFiles:
    """Where everything lies.

    Attributes:
        data_dir: sources spk-s1 (0.50 s, 150 Hz), spk-s2 (0.60 s, 150 Hz), targets
            spk-t1 (0.40 s, 200 Hz), spk-t2 (0.75 s, 100 Hz).
        pairs_dir: a: s1 to t1 (neutral-angry), b: s2 to t2 (neutral-sad).
        inference_dir: a (0.30 s, 180 Hz), b (0.90 s, 100 Hz).
    """

    data_dir: Path
    pairs_dir: Path
    inference_dir: Path


@pytest.fixture
def make_pulses() -> Callable[..., np.ndarray]:
    """Return a factory of pulse trains: as voiced as a sound can be, F0 exactly known."""

    def make(f0_hz: float, duration_s: float, amplitude: float = 0.5) -> np.ndarray:
        time_s = np.arange(round(16000 * duration_s)) / 16000
        harmonics = np.arange(1, int(3500 / f0_hz) + 1)
        wave = np.cos(2 * np.pi * f0_hz * time_s[:, None] * harmonics).mean(axis=1)
        return (amplitude * wave).astype(np.float32)

    return make


@pytest.fixture
def conversion_files(tmp_path: Path, make_pulses: Callable[..., np.ndarray]) -> ConversionFiles:
    """Return the directories of two finished conversions."""
    files = ConversionFiles(tmp_path / "dump", tmp_path / "pairs", tmp_path / "inference")

    def write(folder: Path, sounds: dict[str, tuple[float, float]]) -> None:
        (folder / "wav").mkdir(parents=True)
        for name, (f0_hz, seconds) in sounds.items():
            path = folder / "wav" / f"{name}.wav"
            soundfile.write(path, make_pulses(f0_hz, seconds), 16000, "FLOAT")
        write_table(folder / "wav.scp", {name: folder / "wav" / f"{name}.wav" for name in sounds})

    sources = {"spk-s1": (150, 0.5), "spk-s2": (150, 0.6)}
    write(files.data_dir, {**sources, "spk-t1": (200, 0.4), "spk-t2": (100, 0.75)})
    write(files.inference_dir, {"a": (180, 0.3), "b": (100, 0.9)})
    units = {"spk-s1": "1 2 3 4", "spk-s2": "5 6 7 8 9", "spk-t1": "1 2 3", "spk-t2": "5 6 7 8 9"}
    write_table(files.data_dir / "units_tiny", units)
    write_table(files.data_dir / "text", {name: f"text of {name}" for name in units})
    for name, table in {
        "pairs": {"a": "spk-s1 spk-t2 spk-s1", "b": "spk-s2 spk-t1 spk-s2"},
        "targets": {"a": "spk-t1", "b": "spk-t2"},
        "conditions": {"a": "neutral-angry", "b": "neutral-sad"},
        "wrong_sentence": {"spk-s1": "spk-s2", "spk-s2": "spk-s1"},
    }.items():
        write_table(files.pairs_dir / name, table)
    (files.inference_dir / "generation.tsv").write_text(
        "pair_id\tsource\tforward_share\tconsumed_share\tstopped\tlooped\n"
        "a\tspk-s1\t1.0\t1.0\t1\t0\nb\tspk-s2\t0.9\t0.75\t0\t1\n"
    )
    for pair in ("a", "b"):
        np.save(files.inference_dir / f"{pair}.npy", np.eye(6, 4, dtype=np.float32))
    attention = {pair: files.inference_dir / f"{pair}.npy" for pair in ("a", "b")}
    write_table(files.inference_dir / "attention.scp", attention)
    return files


@pytest.fixture
def fake_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make units a matter of length: 0.5 s is s1 said right, 0.6 s s2, anything else 1 2."""
    from espnet2_ext.metrics import conversion as measure_files

    class Encoder:
        said = {8000: [1, 2, 3, 4], 9600: [5, 6, 7, 8, 9]}

        def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            units = np.array(self.said.get(len(waveform), [1, 2]))
            return units, np.ones_like(units)

    monkeypatch.setattr(measure_files, "load_unit_encoder", lambda path, device: Encoder())
