"""A synthetic release of IEMOCAP in the real syntax, with the defects of the real one."""

import os
import random
from collections.abc import Iterable, Mapping
from pathlib import Path

from espnet2_ext.corpora.iemocap import EXPECTED_TURNS
from reference.copies import HIDDEN, write_tiny

NUM_DIALOGUES = {"Ses01": 28, "Ses02": 30, "Ses03": 32, "Ses04": 30, "Ses05": 31}
SUFFIXED = {
    "Ses03": ["Ses03M_impro05a", "Ses03M_impro05b", "Ses03M_impro08a", "Ses03M_impro08b"],
    "Ses05": ["Ses05M_script01_1b"],
}


def plan_turns() -> dict[str, str]:
    """Return the labels of 10,039 turns in 151 dialogues, as many of each as in the release.

    Both speakers of a session take part in each dialogue, so a speaker cannot be
    told from the dialogue's name.
    """
    turns = {}
    draw = random.Random(0)
    for speaker in dict.fromkeys(speaker for speaker, _ in EXPECTED_TURNS):
        session = speaker[:5]
        names = [*SUFFIXED.get(session, [])]
        names += [f"{session}F_impro{i:02d}" for i in range(1, 16)]
        names += [f"{session}M_script{i:02d}_{j}" for i in range(1, 6) for j in range(1, 4)]
        names = names[: NUM_DIALOGUES[session]]
        counts = {label: n for (who, label), n in EXPECTED_TURNS.items() if who == speaker}
        labels = [label for label, number in counts.items() for _ in range(number)]
        draw.shuffle(labels)
        for index, label in enumerate(labels):
            number, dialogue = divmod(index, len(names))
            turns[f"{names[dialogue]}_{speaker[-1]}{number:03d}"] = label
    return turns


def small_turns(*labels: str) -> dict[str, str]:
    """Return Ses01F_impro01_F000, _M000, _F001, _M001 and so on with these labels."""
    names = (f"Ses01F_impro01_{'FM'[index % 2]}{index // 2:03d}" for index in range(len(labels)))
    return dict(zip(names, labels, strict=True))


def write_release(root: Path, turns: Mapping[str, str]) -> Path:
    """Write the tree of a release with these turns and return its folder."""
    release = root / "IEMOCAP_full_release"
    wav = write_tiny(root / "tiny.wav")
    dialogues: dict[str, list[str]] = {}
    for turn in turns:
        dialogues.setdefault(turn[:-5], []).append(turn)
    for dialogue, members in dialogues.items():
        session = release / f"Session{dialogue[4]}"
        wavs = session / "sentences/wav" / dialogue
        for folder in (wavs, session / "dialog/EmoEvaluation", session / "dialog/transcriptions"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"._{dialogue}.txt").write_bytes(HIDDEN)
        for turn in members:
            os.link(wav, wavs / f"{turn}.wav")
        (wavs / f"._{members[0]}.wav").write_bytes(HIDDEN)
        # CRLF as in copies made on other systems; Latin-1 as in raters' comments.
        end, encoding = ("\r\n", "latin-1") if dialogue.startswith("Ses02") else ("\n", "utf-8")
        for folder, lines in (
            ("EmoEvaluation", label_lines((turn, turns[turn]) for turn in members)),
            ("transcriptions", text_lines(members)),
        ):
            content = "".join(line + end for line in lines)
            (session / "dialog" / folder / f"{dialogue}.txt").write_bytes(content.encode(encoding))
    for session in release.iterdir():
        plant_defects(session)
    return release


def label_lines(turns: Iterable[tuple[str, str]]) -> list[str]:
    """Return the lines of an EmoEvaluation file."""
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    for index, (turn, label) in enumerate(turns):
        lines += [
            f"[{6.5 * index:.4f} - {6.5 * index + 4.25:.4f}]\t{turn}\t{label}\t[2.5, 3.0, 2.5]",
            "C-E2:\tFrustration; Anger;\t(annoyé)",
            "A-E3:\tval 2; act 4; dom  3;\t()",
            "",
        ]
    return lines


def text_lines(turns: Iterable[str]) -> list[str]:
    """Return the lines of a transcription, with a turn XX0 and one that names no turn."""
    lines = [
        f"{turn} [{index:03d}.0000-{index:03d}.9000]: Words  of\tthe turn {index}."
        for index, turn in enumerate(turns)
    ]
    return [f"{lines[0].split()[0][:-5]}_FXX0 [0.1-0.9]: You know-", *lines, "M: [BREATHING]", ""]


def plant_defects(session: Path) -> None:
    """Add to a session what a release has beside its turns and nobody should read."""
    (session / "sentences/wav/.DS_Store").write_bytes(HIDDEN)
    (session / "sentences/wav/._hidden").mkdir()
    (session / "sentences/wav/._hidden/Ses01F_impro01_F999.wav").write_bytes(HIDDEN)
    # The sheets of one rater, who disagrees with all others.
    sheet = "\n".join(label_lines([("Ses01F_impro01_F000", "dis")]))
    for name in ("Attribute", "Categorical", "Self-evaluation"):
        (session / "dialog/EmoEvaluation" / name).mkdir()
        (session / "dialog/EmoEvaluation" / name / "Ses01F_impro01.txt").write_text(sheet)
