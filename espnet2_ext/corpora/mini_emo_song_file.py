"""Songs of mini_emo on disk, their notes beside them, made only where they are missing."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import soundfile

from espnet2_ext.corpora.espeak import espeak_version
from espnet2_ext.corpora.mini_emo_song import SONG_VERSION, Note, sing
from espnet2_ext.corpora.mini_emo_voices import Delivery
from espnet2_ext.data.atomic import atomic_open, atomic_path
from espnet2_ext.data.audio import SAMPLE_RATE_HZ

NOTES_HEADER = "word\tmidi\tf0_hz\tstart_s\tduration_s"


@dataclass(frozen=True)
class SongJob:
    """One song; ``path`` is relative to the corpus' root."""

    path: str
    melody: str
    words: tuple[str, ...]
    delivery: Delivery


def sing_file(root: Path, song: SongJob) -> None:
    """Write a song and its notes, unless the notes beside it say that it is this one."""
    described = repr((SONG_VERSION, espeak_version(), song))
    mark = f"# {hashlib.sha256(described.encode()).hexdigest()[:16]}"
    path = root / song.path
    notes_path = path.with_suffix(".tsv")
    if path.is_file() and notes_path.is_file():
        if notes_path.read_text(encoding="utf-8").startswith(f"{mark}\n"):
            return
    waveform, notes = sing(song.melody, song.words, song.delivery)
    notes_path.unlink(missing_ok=True)
    with atomic_path(path) as temporary:
        soundfile.write(temporary, waveform, SAMPLE_RATE_HZ, subtype="PCM_16")
    with atomic_open(notes_path) as stream:
        stream.write(f"{mark}\n{NOTES_HEADER}\n")
        for note in notes:
            numbers = f"{note.midi}\t{note.f0_hz:.2f}\t{note.start_s:.3f}\t{note.duration_s:.3f}"
            stream.write(f"{note.word}\t{numbers}\n")


def read_notes(path: str | Path) -> list[Note]:
    """Return the notes that stand beside a song."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()[2:]
    rows = [line.split("\t") for line in lines]
    return [Note(row[0], int(row[1]), float(row[3]), float(row[4])) for row in rows]
