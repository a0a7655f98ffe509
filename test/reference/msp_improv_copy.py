"""A synthetic fixture of MSP-IMPROV in the real syntax, with all 8,438 utterances or some."""

import os
from collections.abc import Iterable
from pathlib import Path

from reference.copies import HIDDEN, write_tiny

COUNTS = {
    "P": dict(A=38, S=66, H=1372, N=1164, O=11, X=134),
    "S": dict(A=470, S=633, H=1048, N=1789, O=70, X=371),
    "T": dict(A=115, S=106, H=136, N=283, O=1, X=11),
    "R": dict(A=169, S=80, H=88, N=241, O=3, X=39),
}
SESSIONS = {1: 1328, 2: 1328, 3: 1328, 4: 1327, 5: 1505, 6: 1622}
READERS = ("F01", "M01", "F02", "M02", "F03", "M03", "F04", "M04")

Labels = dict[str, str]
"""Label by the id without its prefix, such as ``S07H-M03-S-FM02``."""


def whole_plan() -> Labels:
    """Return 8,438 utterances with the counts of the corpus by scenario, label and session."""
    cells = [
        (scenario, label)
        for scenario in "RPST"  # read first, as long as its readers have room
        for label, number in COUNTS[scenario].items()
        for _ in range(number)
    ]
    actors = [f"{sex}{session:02d}" for session in SESSIONS for sex in "FM"]
    room = {
        actor: SESSIONS[int(actor[1:])] // 2 + (actor[0] == "F") * (SESSIONS[int(actor[1:])] % 2)
        for actor in actors
    }
    labels: Labels = {}
    for index, (scenario, label) in enumerate(cells):
        free = [actor for actor in (READERS if scenario == "R" else actors) if room[actor]]
        actor = free[index % len(free)]
        room[actor] -= 1
        scene = f"S{room[actor] % 20 + 1:02d}{'AHSN'[room[actor] // 20 % 4]}"
        turn = f"{'FM'[room[actor] % 2]}{actor[0]}{room[actor] // 80 + 1:02d}"
        labels[f"{scene}-{actor}-{scenario}-{turn}"] = label
    return labels


def write_copy(
    root: Path, labels: Labels, *, audio: str = "", label_file: str = "Evalution.txt"
) -> Path:
    """Write the tree and return its folder; ``audio`` is Audio for the layout with that folder."""
    copy = root / "MSP-IMPROV"
    copy.mkdir(parents=True)
    tiny = write_tiny(root / "tiny.wav", 48000)
    for name in labels:
        path = wav_path(copy, name, audio)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(tiny, path)
    path.with_suffix(".avi").touch()
    (path.parent / f"._{path.name}").write_bytes(HIDDEN)
    write_labels(copy / label_file, labels.items())
    return copy


def wav_path(copy: Path, name: str, audio: str = "") -> Path:
    """Return the path of an utterance's wav."""
    scene, actor, scenario, _ = name.split("-")
    folder = copy / audio / f"session{int(actor[1:])}" / scene / scenario
    return folder / f"MSP-IMPROV-{name}.wav"


def write_labels(path: Path, labels: Iterable[tuple[str, str]]) -> None:
    """Write the label file, with a rater who stands twice and one who wrote odd things."""
    lines = []
    for name, label in labels:
        lines += [
            f"UTD-IMPROV-{name}.avi; {label}; A:2.333333; V:4.000000; D:2.666667 ; N:3.500000;",
            "P12-part01; Happy; Excited,Happy; A:2.000000; V:4.000000; D:NaN; N:4.000000;",
            "P12-part01; Happy; Excited,Happy; A:2.000000; V:4.000000; D:NaN; N:4.000000;",
            "P44-part03; Other; \xe9mu; UTD-IMPROV-; A; !; A:3.0; V:3.0; D:3.0; N:3.0;",
            "",
        ]
    path.write_bytes("\n".join(lines).encode("latin-1"))


def write_words(copy: Path, names: Iterable[str]) -> None:
    """Write the transcripts of these utterances."""
    (copy / "Text").mkdir(exist_ok=True)
    for name in names:
        (copy / "Text" / f"MSP-IMPROV-{name}.txt").write_text(f"Well,\n {name[:4]}\n")
