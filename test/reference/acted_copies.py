"""Synthetic fixtures of CREMA-D and RAVDESS with the names of the real ones, and tiny audio."""

import os
import struct
from pathlib import Path

CREMA_D_SENTENCES = "DFA IEO IOM ITH ITS IWL IWW MTI TAI TIE TSI WSI".split()
CREMA_D_EMOTIONS = "ANG DIS FEA HAP NEU SAD".split()
NOTE = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:c6f94b2592487c7556bd86df7df6e8f4420d1b9c11414aeec9d8e5e640b51495\nsize 72862\n"
)
HIDDEN = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X \xff\xfe"


def wav_bytes(rate_hz: int, channels: int = 1, number: int = 0, num_samples: int = 16) -> bytes:
    """Return a 16-bit wav whose samples depend on the number."""
    data = struct.pack("<I", number) * (num_samples * channels // 2)
    block = 2 * channels
    head = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * block, block, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(body) + len(data)) + body + data


def crema_d_names() -> list[str]:
    """Return the 7,442 names: 91 actors with 82 clips each, but for 20 that five actors lack."""
    names = []
    for actor in range(1001, 1092):
        for sentence in CREMA_D_SENTENCES:
            for emotion in CREMA_D_EMOTIONS:
                by_level = sentence == "IEO" and emotion != "NEU"
                for level in ("LO", "MD", "HI") if by_level else ("XX",):
                    names.append(f"{actor}_{sentence}_{emotion}_{level}")
    lacking = {"1002_TIE_NEU_XX", "1076_ITS_NEU_XX"}
    for start in ("1008_WSI", "1009_MTI", "1019_ITH"):
        lacking |= {f"{start}_{emotion}_XX" for emotion in CREMA_D_EMOTIONS}
    return [name for name in names if name not in lacking]


def write_crema_d(root: Path) -> Path:
    """Write a clone of the repository below ``root`` and return its folder of clips."""
    folder = root / "CREMA-D" / "AudioWAV"
    folder.mkdir(parents=True)
    (root / "tiny.wav").write_bytes(wav_bytes(16000))
    for name in crema_d_names():
        os.link(root / "tiny.wav", folder / f"{name}.wav")
    (folder / "._1001_DFA_ANG_XX.wav").write_bytes(HIDDEN)
    (folder / ".DS_Store").write_bytes(HIDDEN)
    (folder.parent / "AudioMP3").mkdir()
    (folder.parent / "AudioMP3/1001_DFA_ANG_XX.mp3").write_text(NOTE)
    lines = ['"ActorID","Age","Sex","Race","Ethnicity"']
    for actor in range(1001, 1092):
        sex = "Male" if actor <= 1048 else "Female"
        lines.append(f'{actor},30,"{sex}","Caucasian","Not Hispanic"')
    (folder.parent / "VideoDemographics.csv").write_text("\n".join(lines) + "\n")
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
