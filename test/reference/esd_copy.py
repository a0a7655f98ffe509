"""A synthetic fixture of ESD in the real syntax, with the encodings and defects of the real one."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from reference.copies import HIDDEN, write_tiny

FOLDERS = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
CHINESE_LABELS = ("中立", "生气", "快乐", "伤心", "惊喜")
SPEAKERS = [f"{number:04d}" for number in range(1, 21)]
UTF16 = {"0003", "0006", "0007", "0008", "0010", "0012", "0013", "0014", "0018", "0019"}
GB2312 = {"0001", "0002", "0004", "0005", "0009"}
CP1252 = {"0016", "0017"}


def split_of(sentence: int) -> str:
    """Return the standard split of a sentence, 1 to 350."""
    if sentence <= 20:
        return "evaluation"
    return "test" if sentence <= 50 else "train"


def words_of(speaker: str, sentence: int) -> str:
    """Return a sentence with letters that only the speaker's own encoding reads rightly."""
    if int(speaker) <= 10:
        return f"今天是第{sentence}个好日子，很快乐"
    if speaker in CP1252:
        return f"The café’s clock stopped at {sentence} – twice."
    return f"The clock stopped at {sentence}."


def write_copy(
    root: Path,
    speakers: Sequence[str] = SPEAKERS,
    *,
    split_folders: bool = False,
    sentences: Iterable[int] = range(1, 351),
) -> Path:
    """Write the speakers' folders in ``Emotion Speech Dataset`` and return that.

    ``split_folders`` is the layout with evaluation, test and train below the emotions.
    """
    folder = root / "Emotion Speech Dataset"
    folder.mkdir(parents=True)
    wav = write_tiny(root / "tiny.wav")
    sentences = list(sentences)
    (folder / "ReadMe.txt").write_text("Speakers and emotions")
    (folder / ".DS_Store").write_bytes(HIDDEN)
    for speaker in speakers:
        lines = []
        for index, emotion in enumerate(FOLDERS):
            for sentence in sentences:
                original_id = f"{speaker}_{350 * index + sentence:06d}"
                below = folder / speaker / emotion
                if split_folders:
                    below /= split_of(sentence)
                below.mkdir(parents=True, exist_ok=True)
                os.link(wav, below / f"{original_id}.wav")
                label = CHINESE_LABELS[index] if int(speaker) <= 10 else emotion
                lines += [f"{original_id}\t{words_of(speaker, sentence)}\t{label}", ""]
        (below / f"._{original_id}.wav").write_bytes(HIDDEN)
        transcript = folder / speaker / f"{speaker}.txt"
        transcript.write_bytes("\r\n".join(lines).encode(encoding_of(speaker)))
    return folder


def encoding_of(speaker: str) -> str:
    """Return the encoding of a speaker's transcript, as distributed; UTF-16 has its mark."""
    if speaker in UTF16:
        return "utf-16"
    if speaker in GB2312:
        return "gb2312"
    return "cp1252" if speaker in CP1252 else "ascii"


def change_transcript(copy: Path, speaker: str, old: str, new: str) -> None:
    """Replace a string of a transcript, which must be there, in its own encoding."""
    path = copy / speaker / f"{speaker}.txt"
    text = path.read_bytes().decode(encoding_of(speaker))
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode(encoding_of(speaker)))
