"""A data directory and pairs in miniature, whose sources can be damaged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import write_table
from espnet2_ext.units.centroids import deduplicate

VOICES = {"a": 150.0, "b": 180.0, "c": 210.0}
Encode = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class LevelEncoder:
    """Units are how loud 20 ms are, in steps of 3 dB, modulo 6."""

    def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        frames = waveform[: len(waveform) // 320 * 320].reshape(-1, 320)
        levels_db = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-9)
        return deduplicate(np.floor(levels_db / 3.0).astype(np.int64) % 6)


def write_study(root: Path, encode: Encode) -> None:
    """Write ``root/dump`` and ``root/pairs`` with the units that an encoder makes.

    Voices a, b, c say utterances 1 to 4 of 0.4 to 0.7 s; a-1 and b-1 are to become angry (p1,
    p2), a-2 sad (p3).
    """
    data_dir, pairs_dir = root / "dump", root / "pairs"
    wavs, units, durations, utt2spk = {}, {}, {}, {}
    generator = np.random.default_rng(0)
    for speaker, f0_hz in VOICES.items():
        for number in range(1, 5):
            name = f"{speaker}-{number}"
            wavs[name] = data_dir / "wav" / f"{name}.flac"
            wavs[name].parent.mkdir(parents=True, exist_ok=True)
            sound = _speech(f0_hz, 0.3 + 0.1 * number, generator)
            soundfile.write(wavs[name], sound, 16000, "PCM_16")
            both = encode(read_audio(wavs[name]))
            units[name], durations[name] = (" ".join(map(str, each)) for each in both)
            utt2spk[name] = speaker
    for table, content in {
        "wav.scp": wavs,
        "utt2spk": utt2spk,
        "units_tiny": units,
        "unit_durations_tiny": durations,
    }.items():
        write_table(data_dir / table, content)
    vectors = {name: generator.normal(size=192).astype(np.float32) for name in wavs}
    write_ark_scp(data_dir / "spk_embed.scp", vectors)
    for table, content in {
        "pairs": {"p1": "a-1 a-4 a-3", "p2": "b-1 b-4 b-3", "p3": "a-2 b-4 a-3"},
        "targets": {"p1": "a-3", "p2": "b-3", "p3": "a-4"},
        "conditions": {"p1": "neutral-angry", "p2": "neutral-angry", "p3": "neutral-sad"},
        "wrong_sentence": {"a-1": "a-2", "a-2": "a-1", "b-1": "b-2"},
    }.items():
        write_table(pairs_dir / table, content)


def _speech(f0_hz: float, duration_s: float, generator: np.random.Generator) -> np.ndarray:
    """Return pulses that swell and fade, with a little noise: voiced, and never alike."""
    time_s = np.arange(round(16000 * duration_s)) / 16000
    harmonics = np.arange(1, 15)
    pulses = np.cos(2 * np.pi * f0_hz * time_s[:, None] * harmonics).mean(axis=1)
    swell = 0.3 + 0.25 * np.sin(2 * np.pi * generator.uniform(4, 8) * time_s)
    return swell * pulses + 0.001 * generator.standard_normal(len(time_s))
