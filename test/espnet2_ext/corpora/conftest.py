"""A made-up release of IEMOCAP in the real syntax, with the defects of the real one."""

import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.corpora.iemocap import EXPECTED_TURNS, Turn

NUM_DIALOGUES = {"Ses01": 28, "Ses02": 30, "Ses03": 32, "Ses04": 30, "Ses05": 31}
SUFFIXED = {
    "Ses03": ["Ses03M_impro05a", "Ses03M_impro05b", "Ses03M_impro08a", "Ses03M_impro08b"],
    "Ses05": ["Ses05M_script01_1b"],
}
HIDDEN = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X \xff\xfe"


def plan_turns() -> list[Turn]:
    """Return 10,039 turns in 151 dialogues, labelled as often as in the release.

    Both speakers of a session take part in each dialogue, so a speaker cannot be
    told from the dialogue's name.
    """
    turns = []
    draw = random.Random(0)
    for speaker, counts in EXPECTED_TURNS.items():
        session = speaker[:5]
        names = [*SUFFIXED.get(session, [])]
        names += [f"{session}F_impro{i:02d}" for i in range(1, 16)]
        names += [f"{session}M_script{i:02d}_{j}" for i in range(1, 6) for j in range(1, 4)]
        names = names[: NUM_DIALOGUES[session]]
        labels = [label for label, number in counts.items() for _ in range(number)]
        draw.shuffle(labels)
        for index, label in enumerate(labels):
            number, dialogue = divmod(index, len(names))
            turns.append(Turn(f"{names[dialogue]}_{speaker[-1]}{number:03d}", label))
    return turns


def write_release(root: Path, turns: Iterable[Turn]) -> Path:
    """Write the tree of a release with these turns and return its folder."""
    release = root / "IEMOCAP_full_release"
    wav = root / "tiny.wav"
    root.mkdir(parents=True, exist_ok=True)
    soundfile.write(wav, np.linspace(-0.1, 0.1, 160), 16000, subtype="PCM_16")
    dialogues: dict[str, list[Turn]] = {}
    for turn in turns:
        dialogues.setdefault(turn.dialogue, []).append(turn)
    for dialogue, members in dialogues.items():
        session = release / f"Session{dialogue[4]}"
        for folder in (
            "sentences/wav/" + dialogue,
            "dialog/EmoEvaluation",
            "dialog/transcriptions",
        ):
            (session / folder).mkdir(parents=True, exist_ok=True)
            (session / folder / f"._{dialogue}.txt").write_bytes(HIDDEN)
        for turn in members:
            os.link(wav, release / turn.wav)
        (session / "sentences/wav" / dialogue / f"._{members[0].turn_id}.wav").write_bytes(HIDDEN)
        # CRLF as in copies made on other systems; Latin-1 as in raters' comments.
        end, encoding = ("\r\n", "latin-1") if dialogue.startswith("Ses02") else ("\n", "utf-8")
        for folder, lines in (
            ("EmoEvaluation", label_lines(members)),
            ("transcriptions", text_lines(members)),
        ):
            content = "".join(line + end for line in lines)
            (session / "dialog" / folder / f"{dialogue}.txt").write_bytes(content.encode(encoding))
    for session in release.iterdir():
        plant_defects(session)
    return release


def label_lines(turns: Iterable[Turn]) -> list[str]:
    """Return the lines of an EmoEvaluation file."""
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    for index, turn in enumerate(turns):
        times = f"[{6.5 * index:.4f} - {6.5 * index + 4.25:.4f}]"
        lines += [
            f"{times}\t{turn.turn_id}\t{turn.label}\t[2.5000, 3.0000, 2.5000]",
            "C-E2:\tFrustration; Anger;\t(annoyé)",
            "A-E3:\tval 2; act 4; dom  3;\t()",
            "",
        ]
    return lines


def text_lines(turns: Iterable[Turn]) -> list[str]:
    """Return the lines of a transcription, with a turn XX0 and one that names no turn."""
    lines = [
        f"{turn.turn_id} [{index:03d}.0000-{index:03d}.9000]: Words  of\tthe turn {index}."
        for index, turn in enumerate(turns)
    ]
    dialogue = lines[0].split()[0].rpartition("_")[0]
    return [
        f"{dialogue}_FXX0 [000.1000-000.9000]: You know-",
        *lines,
        "M: [BREATHING]",
        "",
    ]


def plant_defects(session: Path) -> None:
    """Add to a session what a release has beside its turns and nobody should read."""
    (session / "sentences/wav/.DS_Store").write_bytes(HIDDEN)
    (session / "sentences/wav/._hidden").mkdir()
    (session / "sentences/wav/._hidden/Ses01F_impro01_F999.wav").write_bytes(HIDDEN)
    for name in ("Attribute", "Categorical", "Self-evaluation"):
        folder = session / "dialog/EmoEvaluation" / name
        folder.mkdir()
        # The sheet of one rater, who disagrees with all others.
        sheet = label_lines([Turn("Ses01F_impro01_F000", "dis")])
        (folder / "Ses01F_impro01.txt").write_text("\n".join(sheet))


@pytest.fixture
def make_release(tmp_path: Path) -> Callable[..., Path]:
    """Return a factory of small releases: ``make_release("ang", "exc") -> folder``.

    The labels are those of Ses01F_impro01_F000, _M000, _F001, _M001 and so on.
    """

    def make(*labels: str, folder: str = "corpora") -> Path:
        turns = [
            Turn(f"Ses01F_impro01_{'FM'[index % 2]}{index // 2:03d}", label)
            for index, label in enumerate(labels)
        ]
        return write_release(tmp_path / folder, turns)

    return make


@pytest.fixture(scope="session")
def whole_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release with all 10,039 turns; a test that changes it puts it back."""
    return write_release(tmp_path_factory.mktemp("iemocap"), plan_turns())
