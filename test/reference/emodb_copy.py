"""A synthetic fixture of EmoDB with the names, counts and surroundings of the real one."""

import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

LETTERS = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}
SPEAKERS = {
    **{"03": 49, "08": 58, "09": 43, "10": 38, "11": 55},
    **{"12": 35, "13": 61, "14": 69, "15": 56, "16": 71},
}
SENTENCES = {
    **{"a01": 49, "a02": 60, "a04": 51, "a05": 62, "a07": 55},
    **{"b01": 51, "b02": 51, "b03": 52, "b09": 52, "b10": 52},
}
HIDDEN = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X \xff\xfe"


def emodb_names() -> list[str]:
    """Return 535 names whose speakers, sentences and letters are as frequent as the real ones."""
    draw = random.Random(0)
    columns = []
    for counts in (SPEAKERS, SENTENCES, LETTERS):
        column = [value for value, number in counts.items() for _ in range(number)]
        draw.shuffle(column)
        columns.append(column)
    versions: Counter[str] = Counter()
    names = []
    for speaker, sentence, letter in zip(*columns, strict=True):
        start = f"{speaker}{sentence}{letter}"
        names.append(f"{start}{'abcdef'[versions[start]]}")
        versions[start] += 1
    return sorted(names)


def write_tiny(path: Path, rate_hz: int = 16000, channels: int = 1) -> Path:
    """Write a wav of 160 samples and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waveform = np.repeat(np.linspace(-0.1, 0.1, 160)[:, None], channels, axis=1)
    soundfile.write(path, waveform, rate_hz, subtype="PCM_16")
    return path


def write_emodb(root: Path, names: list[str] | None = None) -> Path:
    """Write a copy with what lies around the wavs and return the folder above ``wav``."""
    folder = root / "emodb"
    tiny = write_tiny(root / "tiny.wav")
    for below in ("wav", "silb", "lablaut"):
        (folder / below).mkdir(parents=True)
    for name in emodb_names() if names is None else names:
        os.link(tiny, folder / "wav" / f"{name}.wav")
    (folder / "wav/._03a01Fa.wav").write_bytes(HIDDEN)
    (folder / "wav/.DS_Store").write_bytes(HIDDEN)
    (folder / "silb/03a01Fa.silb").write_bytes("Tüten können".encode("latin-1"))
    (folder / "erklaerung.txt").write_bytes("Erklärung".encode("latin-1"))
    return folder
