"""The csv files of OMG-Emotion, made up in the real syntax with the published counts."""

from collections.abc import Iterable
from pathlib import Path

SPLITS = {
    # csv, rows, videos, links, and the links' first number: splits share some
    "train": ("omg_TrainVideos.csv", 2442, 231, 125, 0),
    "valid": ("omg_ValidationVideos.csv", 617, 60, 46, 110),
    "test": ("omg_TestVideos_WithLabels.csv", 2229, 204, 141, 117),
}
LABELS = {
    "train": {4: 891, 3: 713, 5: 346, 0: 293, 1: 113, 2: 60, 6: 26},
    "valid": {3: 207, 4: 196, 5: 79, 0: 61, 1: 48, 2: 18, 6: 8},
    "test": {4: 2229},
}
# Facts name the labels 0 Anger 1 Disgust 2 Fear 3 Happy 4 Neutral 5 Sad 6 Surprise.
HEADER = "link,start,end,video,utterance,arousal,valence,EmotionMaxVote"


def link_of(number: int) -> str:
    """Return a YouTube id; some begin with a dash or hold an underscore."""
    return f"{'-_ab'[number % 4]}{number:010d}"


def row(link: str, start: str, end: str, video: str, utterance: str, label: int | None) -> str:
    """Return a line with labels, or with the first five columns."""
    line = f"https://www.youtube.com/watch?v={link},{start},{end},{video},{utterance}"
    return line if label is None else f"{line},0.31,-0.12,{label}"


def split_rows(split: str) -> list[str]:
    """Return the lines of a split; utterances of a video follow each other without overlap."""
    _, number_rows, videos, links, first_link = SPLITS[split]
    labels = [label for label, number in LABELS[split].items() for _ in range(number)]
    offset = {"train": 0, "valid": 1000, "test": 2000}[split]
    lines = []
    for index in range(number_rows):
        video = index % videos
        # Of a link's videos the first has no number.
        base, run = video % links, video // links
        name = f"{offset + base:09x}" + (f"_{run}" if run else "")
        start = 1000.0 * (offset + run + 1) + 10 * (index // videos)
        lines.append(
            row(
                link_of(first_link + base),
                f"{start:g}",
                f"{start + 6.5}",
                name,
                f"utterance_{index // videos + 1}.mp4",
                labels[index],
            )
        )
    return lines


def write_csv(path: Path, lines: Iterable[str], header: str = HEADER) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in (header, *lines)), newline="")


def write_tables(folder: Path) -> Path:
    """Write the three tables with all 5,288 rows and return the folder."""
    for split, (name, *_) in SPLITS.items():
        lines = split_rows(split)
        if split == "train":
            lines += [",,,,,0.45,0.16,", ",,,,,0.2,0.3,"]
        write_csv(folder / name, lines)
    return folder
