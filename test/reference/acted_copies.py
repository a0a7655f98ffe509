"""Synthetic fixtures of CREMA-D, RAVDESS, EmoDB and EmoV-DB: real names and counts, tiny audio."""

import os
import random
import struct
from collections import Counter
from pathlib import Path

from reference.copies import HIDDEN, write_tiny

NOTE = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:c6f94b2592487c7556bd86df7df6e8f4420d1b9c11414aeec9d8e5e640b51495\nsize 72862\n"
)


def wav_bytes(rate_hz: int, channels: int = 1, number: int = 0, num_samples: int = 16) -> bytes:
    """Return a 16-bit wav whose samples depend on the number."""
    data = struct.pack("<I", number) * (num_samples * channels // 2)
    block = 2 * channels
    head = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * block, block, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(body) + len(data)) + body + data


def crema_d_names() -> list[str]:
    """Return the 7,442 names: 91 actors with 82 clips each, but for 20 that five actors lack."""
    names = [
        f"{actor}_{sentence}_{emotion}_{level}"
        for actor in range(1001, 1092)
        for sentence in "DFA IEO IOM ITH ITS IWL IWW MTI TAI TIE TSI WSI".split()
        for emotion in "ANG DIS FEA HAP NEU SAD".split()
        for level in (("LO", "MD", "HI") if sentence == "IEO" and emotion != "NEU" else ("XX",))
    ]
    lacking = ("1002_TIE_NEU", "1076_ITS_NEU", "1008_WSI", "1009_MTI", "1019_ITH")
    return [name for name in names if not name.startswith(lacking)]


def write_crema_d(root: Path) -> Path:
    """Write a clone of the repository below ``root`` and return its folder of clips."""
    folder = root / "CREMA-D" / "AudioWAV"
    folder.mkdir(parents=True)
    tiny = write_tiny(root / "tiny.wav")
    for name in crema_d_names():
        os.link(tiny, folder / f"{name}.wav")
    (folder / "._1001_DFA_ANG_XX.wav").write_bytes(HIDDEN)
    lines = ['"ActorID","Age","Sex"\n']
    lines += [f'{n},30,"{"Male" if n <= 1048 else "Female"}"\n' for n in range(1001, 1092)]
    (folder.parent / "VideoDemographics.csv").write_text("".join(lines))
    return folder


STEREO = {
    *("03-01-02-01-01-02-01", "03-01-08-01-02-02-01", "03-01-02-01-02-02-05"),
    *("03-01-03-01-02-01-20", "03-01-06-01-01-02-20"),
}
REPEATED = ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")


def ravdess_names() -> list[str]:
    """Return the 1,440 names of speech: neutral has no strong intensity."""
    return [
        f"03-01-{emotion:02d}-{intensity:02d}-{statement:02d}-{repetition:02d}-{actor:02d}"
        for actor in range(1, 25)
        for emotion in range(1, 9)
        for intensity in (1, 2)
        for statement in (1, 2)
        for repetition in (1, 2)
        if not (emotion == 1 and intensity == 2)
    ]


def write_ravdess(root: Path) -> Path:
    """Write the unpacked archive of speech below ``root`` and return the actors' parent."""
    folder = root / "Audio_Speech_Actors_01-24"
    for number, name in enumerate(ravdess_names()):
        actor = folder / f"Actor_{name[-2:]}"
        actor.mkdir(parents=True, exist_ok=True)
        content = wav_bytes(48000, 2 if name in STEREO else 1, number)
        (actor / f"{name}.wav").write_bytes(content)
    first, second = (folder / "Actor_07" / f"{name}.wav" for name in REPEATED)
    second.write_bytes(first.read_bytes())
    (folder / "Actor_01/._03-01-01-01-01-01-01.wav").write_bytes(HIDDEN)
    (folder / "__MACOSX").mkdir()
    return folder


LETTERS = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}
EMODB_SPEAKERS = {
    **{"03": 49, "08": 58, "09": 43, "10": 38, "11": 55},
    **{"12": 35, "13": 61, "14": 69, "15": 56, "16": 71},
}
EMODB_SENTENCES = {
    **{"a01": 49, "a02": 60, "a04": 51, "a05": 62, "a07": 55},
    **{"b01": 51, "b02": 51, "b03": 52, "b09": 52, "b10": 52},
}


def emodb_names() -> list[str]:
    """Return 535 names whose speakers, sentences and letters are as frequent as the real ones."""
    draw = random.Random(0)
    columns = [
        list(Counter(each).elements()) for each in (EMODB_SPEAKERS, EMODB_SENTENCES, LETTERS)
    ]
    for column in columns:
        draw.shuffle(column)
    versions: Counter[str] = Counter()
    names = []
    for speaker, sentence, letter in zip(*columns, strict=True):
        start = f"{speaker}{sentence}{letter}"
        names.append(f"{start}{'abcdef'[versions[start]]}")
        versions[start] += 1
    return sorted(names)


def write_emodb(root: Path, names: list[str] | None = None) -> Path:
    """Write a copy with what lies around the wavs and return the folder above ``wav``."""
    folder = root / "emodb"
    tiny = write_tiny(root / "tiny.wav")
    for below in ("wav", "silb"):
        (folder / below).mkdir(parents=True)
    for name in emodb_names() if names is None else names:
        os.link(tiny, folder / "wav" / f"{name}.wav")
    (folder / "wav/._03a01Fa.wav").write_bytes(HIDDEN)
    (folder / "silb/03a01Fa.silb").write_bytes("Tüten können".encode("latin-1"))
    return folder


NUM_SENTENCES = {
    "bea": {"Amused": 296, "Angry": 303, "Disgusted": 333, "Neutral": 355, "Sleepy": 497},
    "jenie": {"Amused": 222, "Angry": 496, "Disgusted": 189, "Neutral": 417, "Sleepy": 466},
    "josh": {"Amused": 296, "Neutral": 302, "Sleepy": 263},
    "sam": {"Amused": 501, "Angry": 468, "Disgusted": 497, "Neutral": 492, "Sleepy": 494},
}
EMOV_DB_WORDS = dict(
    Amused="amused", Angry="anger", Disgusted="disgust", Neutral="neutral", Sleepy="sleepiness"
)
SAID_TWICE = [
    *(("bea", "Amused", 2), ("sam", "Amused", 10), ("jenie", "Angry", 3)),
    *(("bea", "Neutral", 20), ("josh", "Neutral", 4), ("sam", "Sleepy", 5)),
]
"""Speaker, emotion and sentence; the numbers by emotion are the real ones."""


def stem_of(speaker: str, emotion: str, sentence: int, *, again: bool = False) -> str:
    """Return a file's name without ending; spellings vary as they do in the corpus."""
    first = (sentence - 1) // 28 * 28 + 1
    between = "_" if speaker == "jenie" and sentence > 300 else "-"
    word = EMOV_DB_WORDS[emotion]
    if (speaker, emotion) in (("bea", "Neutral"), ("sam", "Disgusted")) and sentence > 200:
        word = word.capitalize()
    last = first + (29 if again else 27)
    return f"{word}_{first}{between}{last}_{sentence:04d}"


def write_emov_db(root: Path, *, is_sorted: bool = False, last: int = 593) -> Path:
    """Write a copy of sentences up to ``last``; sorted, folders are ``bea/Amused``."""
    folder = root / ("EmoV-DB_sorted" if is_sorted else "emov_db")
    tiny = {44100: write_tiny(root / "tiny44.wav", 44100), 16000: write_tiny(root / "tiny16.wav")}
    for speaker, emotions in NUM_SENTENCES.items():
        wav = tiny[44100 if speaker == "bea" else 16000]
        for emotion, number in emotions.items():
            below = folder / (f"{speaker}/{emotion}" if is_sorted else f"{speaker}_{emotion}")
            below.mkdir(parents=True)
            for sentence in range(1, min(number, last) + 1):
                for again in (False, True)[: 1 + ((speaker, emotion, sentence) in SAID_TWICE)]:
                    stem = stem_of(speaker, emotion, sentence, again=again)
                    os.link(wav, below / f"{stem}.wav")
            (below / f"._{stem_of(speaker, emotion, 1)}.wav").write_bytes(HIDDEN)
    (folder / "__MACOSX").mkdir()
    return folder


def write_prompts(path: Path, last: int = 593) -> Path:
    """Write ``cmuarctic.data`` and return its path."""
    lines = [f'( arctic_a{n:04d} "Sentence {n}, a "Café"." )\n' for n in range(1, last + 1)]
    lines += [f'( arctic_b{n:04d} "Another." )\n' for n in range(1, 3)]
    path.write_bytes("".join(lines).encode("latin-1"))
    return path
