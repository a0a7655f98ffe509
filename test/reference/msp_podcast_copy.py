"""A synthetic fixture of MSP-PODCAST in the real syntax, of a few files or of a whole release."""

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reference.copies import HIDDEN, write_tiny

HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
CLASSES_1_8 = dict(N=26009, H=14285, X=14199, U=4084, C=3644, A=3218, S=2649, D=2593, F=1544, O=817)
LINKS = 20000  # file systems allow some 65,000 names of a file


class Wav(NamedTuple):
    """One wav with its row of the label file."""

    name: str
    label: str
    speaker: str
    partition: str


def name_of(number: int) -> str:
    """Return the name of the wav of a number; every fourth has the third field."""
    part = f"_{number % 3 + 1:04d}" if number % 4 == 3 else ""
    return f"MSP-PODCAST_{number // 40 + 1:04d}_{number % 40 + 1:04d}{part}.wav"


def small_plan(number: int = 60, validation: str = "Validation") -> list[Wav]:
    """Return wavs of three podcasts: six speakers, every tenth unknown, all labels in turn."""
    partitions = ["Train", "Train", "Train", validation, "Test1", "Test2"]
    return [
        Wav(
            name_of(index),
            "ASHUFDCNOX"[index // 2 % 10],
            "Unknown" if index % 10 == 9 else str(300 + index % 6),
            partitions[index % 6],
        )
        for index in range(number)
    ]


def plan_1_8() -> list[Wav]:
    """Return 73,042 wavs whose counts by class and partition are those of release 1.8."""
    draw = random.Random(0)
    labels = [label for label, number in CLASSES_1_8.items() for _ in range(number)]
    four = [label for label in labels if label in "AHNS"]
    six = [label for label in labels if label not in "AHNS"]
    draw.shuffle(four)
    draw.shuffle(six)
    ordered = [(label, "Validation") for label in four[:4772] + six[: 7800 - 4772]]
    four, six = four[4772:], six[7800 - 4772 :]
    ordered += [(label, "Test1") for label in four[:9304] + six[: 15326 - 9304]]
    rest = four[9304:] + six[15326 - 9304 :]
    draw.shuffle(rest)
    ordered += [(label, "Test2" if place < 5037 else "Train") for place, label in enumerate(rest)]
    return [
        Wav(name_of(index), label, "Unknown" if index % 9 == 0 else str(index // 57), partition)
        for index, (label, partition) in enumerate(ordered)
    ]


def write_copy(
    root: Path,
    wavs: Sequence[Wav],
    *,
    folder: str = "MSP-PODCAST-Publish-1.7",
    audio: str = "Audios",
    labels: str = "Labels/labels_concensus.csv",
    partitions: str | None = None,
) -> Path:
    """Write the tree of a release, with a list of partitions if it is named; return its folder."""
    copy = root / folder
    (copy / audio).mkdir(parents=True)
    for place, wav in enumerate(wavs):
        if place % LINKS == 0:
            tiny = write_tiny(root / f"tiny_{place}.wav")
        os.link(tiny, copy / audio / wav.name)
    (copy / audio / f"._{wavs[0].name}").write_bytes(HIDDEN)
    (copy / audio / ".DS_Store").write_bytes(b"\x00")
    write_labels(copy / labels, wavs)
    if partitions is not None:
        lines = [f"{wav.partition}; {wav.name}\n" for wav in wavs]
        (copy / partitions).write_text("".join(lines))
    return copy


def write_labels(path: Path, wavs: Sequence[Wav]) -> None:
    """Write a label file in the form that its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".txt":
        blocks = []
        for wav in wavs:
            blocks += [
                f"{wav.name}; {wav.label}; A:4.600000; V:5.200000; D:4.400000;",
                "WORKER00000042; Happy; Happy,Amused; A:5.000000; V:5.000000; D:4.000000;",
                "WORKER00000077; Other-d\xe9j\xe0 vu; Other; A:4.000000; V:6.000000; D:5.000000;",
                "",
            ]
        path.write_bytes("\n".join(blocks).encode("latin-1"))
        return
    rows = [(w.name, w.label, "4.6", "5.2", "4.4", w.speaker, "Female", w.partition) for w in wavs]
    if path.suffix == ".csv":
        path.write_text("".join(f"{line}\n" for line in [HEADER, *map(",".join, rows)]))
    else:
        columns = HEADER.split(",")[1:]
        path.write_text(json.dumps({name: dict(zip(columns, row)) for name, *row in rows}))


def write_speakers(copy: Path, wavs: Sequence[Wav]) -> None:
    """Write Speaker_ids.txt, of the known speakers."""
    known = [wav for wav in wavs if wav.speaker != "Unknown"]
    lines = [f"Speaker_{known[0].speaker}; Female", *(f"{w.name};{w.speaker}" for w in known)]
    (copy / "Speaker_ids.txt").write_text("\n".join(lines) + "\n")


def write_transcripts(copy: Path, wavs: Sequence[Wav]) -> None:
    """Write the words of the wavs."""
    (copy / "Transcripts").mkdir(exist_ok=True)
    for wav in wavs:
        text = copy / "Transcripts" / f"{wav.name.removesuffix('.wav')}.txt"
        text.write_text(f"So  this is {wav.name[12:21]},\n right?\n")
