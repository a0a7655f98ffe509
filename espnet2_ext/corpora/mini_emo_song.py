"""Sung references of mini_emo: eSpeak NG speaks each word, WORLD gives it a note.

eSpeak NG cannot hold a note. So every word of one syllable is spoken alone, analysed, and
synthesised again with the note's length and pitch: unvoiced frames keep their length, voiced
ones share what is left, F0 is the note's with a little vibrato. The notes are thus known
exactly, which real singing never gives.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.corpora.espeak import EspeakError, synthesize
from espnet2_ext.corpora.mini_emo_audio import MAX_PEAK
from espnet2_ext.corpora.mini_emo_voices import Delivery
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, resample

MELODIES: dict[str, tuple[tuple[int, float], ...]] = {
    "rise": ((0, 1), (2, 1), (4, 1), (5, 1), (7, 2), (9, 1), (7, 3)),
    "fall": ((9, 2), (7, 1), (5, 1), (4, 1), (2, 1), (0, 3)),
    "arch": ((0, 1), (4, 1), (7, 1), (9, 2), (7, 1), (4, 1), (0, 2)),
    "bowl": ((9, 2), (5, 1), (2, 1), (0, 2), (2, 1), (5, 1), (9, 2)),
    "leaps": ((0, 1), (7, 2), (2, 1), (9, 2), (4, 1), (7, 1), (0, 2)),
    "steps": ((4, 1), (4, 1), (5, 1), (7, 1), (7, 1), (5, 1), (4, 1), (2, 1), (0, 2)),
}
"""Our own; a note is semitones above the lowest one, and beats."""
WORDS = """
    moon rain lane stone long road wind warm green hill blue sea home low year day snow tree
    shine fall bell ring night sail leaf near wide door
""".split()
BEAT_S = 0.3
LOWEST_BELOW_VOICE_SEMITONES = 4
"""How far the lowest note lies below the voice's own pitch; the highest is nine above it."""
VIBRATO_HZ = 5.5
VIBRATO_SEMITONES = 0.2
MAX_UNVOICED_SHARE = 0.4
"""Of a note; beyond it consonants are shortened."""
SILENCE_DB = 35.0
"""Frames this far below the loudest one of a word are cut off at either end."""
SONG_VERSION = 1
"""Raised when the way from notes to the file changes."""
A4_MIDI, A4_HZ = 69, 440.0
F0_LIMITS_HZ = (60.0, 500.0)
FRAME_S = 0.005
"""WORLD's default."""


@dataclass(frozen=True)
class Note:
    """One sung word; ``midi`` is its pitch in semitones, 69 being 440 Hz."""

    word: str
    midi: int
    start_s: float
    duration_s: float

    @property
    def f0_hz(self) -> float:
        """Return its pitch."""
        return A4_HZ * 2 ** ((self.midi - A4_MIDI) / 12)


@dataclass(frozen=True)
class _World:
    """WORLD's analysis of a sound: F0 (T,), envelope (T, F) and aperiodicity (T, F)."""

    f0_hz: np.ndarray
    envelope: np.ndarray
    aperiodicity: np.ndarray


def draw_words(melody: str, name: str) -> list[str]:
    """Return a word a note, the same for the same name; no word follows itself."""
    generator = random.Random(f"mini_emo song {name}")
    words: list[str] = []
    for _ in MELODIES[melody]:
        words.append(generator.choice([word for word in WORDS if words[-1:] != [word]]))
    return words


def sing(melody: str, words: Sequence[str], delivery: Delivery) -> tuple[np.ndarray, list[Note]]:
    """Return the song (N,) int16 at 16 kHz and its notes, in the voice's own key.

    Args:
        melody: one of MELODIES.
        words: one a note, of one syllable.
        delivery: of the voice; its rate and pitch range give way to the notes.

    Raises:
        EspeakError: eSpeak NG could not speak a word, or nothing of it is voiced.
    """
    spoken = {word: _analyse(word, delivery) for word in dict.fromkeys(words)}
    voice_hz = float(np.median(np.concatenate([w.f0_hz[w.f0_hz > 0] for w in spoken.values()])))
    voice_midi = A4_MIDI + 12 * np.log2(voice_hz / A4_HZ)
    lowest = round(voice_midi) - LOWEST_BELOW_VOICE_SEMITONES
    notes: list[Note] = []
    for word, (semitones, beats) in zip(words, MELODIES[melody], strict=True):
        start_s = notes[-1].start_s + notes[-1].duration_s if notes else 0.0
        notes.append(Note(word, lowest + semitones, start_s, beats * BEAT_S))
    return _level(_synthesise([_sung(spoken[note.word], note) for note in notes]), delivery), notes


def _analyse(word: str, delivery: Delivery) -> _World:
    """Return WORLD's analysis of a spoken word without the silence around it."""
    import pyworld

    samples = synthesize(word, delivery.engine) / np.float32(32768)
    waveform = resample(samples, delivery.engine_rate_hz, SAMPLE_RATE_HZ).astype(np.float64)
    # Harvest finds voice in short words where DIO finds none.
    f0_hz, times_s = pyworld.harvest(waveform, SAMPLE_RATE_HZ, *F0_LIMITS_HZ)
    if not (f0_hz > 0).any():
        raise EspeakError(f"mini_emo: {word!r} has no voiced frame in {delivery.engine.voice}")
    envelope = pyworld.cheaptrick(waveform, f0_hz, times_s, SAMPLE_RATE_HZ)
    aperiodicity = pyworld.d4c(waveform, f0_hz, times_s, SAMPLE_RATE_HZ)
    power_db = 10 * np.log10(envelope.mean(axis=1))
    loud = np.flatnonzero(power_db > power_db.max() - SILENCE_DB)
    part = slice(int(loud[0]), int(loud[-1]) + 1)
    return _World(f0_hz[part], envelope[part], aperiodicity[part])


def _sung(word: _World, note: Note) -> _World:
    """Return the word stretched to its note."""
    num_frames = round(note.duration_s / FRAME_S)
    voiced = word.f0_hz > 0
    num_voiced, num_unvoiced = int(voiced.sum()), int((~voiced).sum())
    unvoiced = min(float(num_unvoiced), MAX_UNVOICED_SHARE * num_frames)
    lengths = np.where(
        voiced, (num_frames - unvoiced) / num_voiced, unvoiced / max(num_unvoiced, 1)
    )
    centres = np.cumsum(lengths) - lengths / 2  # of each spoken frame, in sung frames
    places = np.interp(np.arange(num_frames) + 0.5, centres, np.arange(len(voiced)))
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, len(voiced) - 1)
    share = (places - below)[:, None]
    time_s = FRAME_S * np.arange(num_frames)
    vibrato = VIBRATO_SEMITONES * np.sin(2 * np.pi * VIBRATO_HZ * time_s)
    return _World(
        np.where(voiced[np.rint(places).astype(int)], note.f0_hz * 2 ** (vibrato / 12), 0.0),
        np.exp((1 - share) * np.log(word.envelope[below]) + share * np.log(word.envelope[above])),
        (1 - share) * word.aperiodicity[below] + share * word.aperiodicity[above],
    )


def _synthesise(words: Sequence[_World]) -> np.ndarray:
    """Return the waveform (N,) float64 of all words in one go, so that phases go on."""
    import pyworld

    f0_hz = np.concatenate([word.f0_hz for word in words])
    envelope = np.concatenate([word.envelope for word in words])
    aperiodicity = np.concatenate([word.aperiodicity for word in words])
    waveform = pyworld.synthesize(f0_hz, envelope, aperiodicity, SAMPLE_RATE_HZ)
    return waveform[: round(len(f0_hz) * FRAME_S * SAMPLE_RATE_HZ)]


def _level(waveform: np.ndarray, delivery: Delivery) -> np.ndarray:
    """Return the samples as int16 at the delivery's level, or below it where peaks are high."""
    gain = 10 ** (delivery.level_db / 20) / np.sqrt(np.mean(waveform**2))
    gain = min(gain, MAX_PEAK / np.abs(waveform).max())
    return np.round(waveform * gain * 32767).astype(np.int16)
