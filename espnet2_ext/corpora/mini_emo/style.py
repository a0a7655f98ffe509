"""The style part of mini_emo: what the four transfers of [P2V] section V take, made on demand.

Sources are utterances of ``mini_emo_test``, spoken anew to the same bytes. References have other
words:

===============  ====  ====================  ==============================================
condition        Fig.  source                reference
===============  ====  ====================  ==============================================
cross_lingual    7     neutral               a German sentence, angry, happy or sad
speaking_style   8     angry, happy or sad   the same emotion, read out or lively
emotional_style  9     angry                 happy or sad
singing          10    neutral               a sung melody with known notes
===============  ====  ====================  ==============================================

Deviation: [P2V] V-B finds other stress positions within an emotion; eSpeak NG sets stress by
rule, so speaking styles differ in rate, pitch range and level. By default the source's voice
speaks German and sings, in the paper another person does: a model of this size does not take over
the pitch of another voice (mini_emo/p2v1, RESULTS.md).
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet2_ext.corpora.mini_emo import speech
from espnet2_ext.corpora.mini_emo.grammar import GermanGrammar
from espnet2_ext.corpora.mini_emo.prepare import (
    TARGET_EMOTIONS,
    MiniEmoSize,
    PlannedUtterance,
    other_item,
    plan_sets,
)
from espnet2_ext.corpora.mini_emo.speech import Delivery, Shift, SpeechJob, Voice, deliver
from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.conversion_list import ListedConversion, write_conversion_list
from espnet2_ext.data.parallel import atomic_open

logger = logging.getLogger(__name__)

# ---------------------------------------------------------------- songs
# eSpeak NG cannot sing: every word, of one syllable, is spoken alone, analysed by WORLD, and
# synthesised with the note's length and pitch. Unvoiced frames keep their length, voiced ones
# share the rest, F0 is the note's with a little vibrato.

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
VIBRATO_HZ = 5.5
VIBRATO_SEMITONES = 0.2
MAX_UNVOICED_SHARE = 0.4  # of a note; beyond it consonants are shortened
SILENCE_DB = 35.0  # frames this far below a word's loudest one are cut off at either end
SONG_VERSION = 1  # raised when the way from notes to the file changes
A4_MIDI, A4_HZ = 69, 440.0
F0_LIMITS_HZ = (60.0, 500.0)
FRAME_S = 0.005  # WORLD's default


class Note(NamedTuple):
    """One sung word; ``midi`` is its pitch in semitones, 69 being 440 Hz."""

    word: str
    midi: int
    start_s: float
    duration_s: float

    @property
    def f0_hz(self) -> float:
        return A4_HZ * 2 ** ((self.midi - A4_MIDI) / 12)


class _World(NamedTuple):
    """F0 (T,), spectral envelope (T, F) and aperiodicity (T, F)."""

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
    """Return the song (N,) int16 at 16 kHz and its notes, in the voice's own key, a word a note."""
    import pyworld

    spoken = {word: _analyse(word, delivery) for word in dict.fromkeys(words)}
    voice_hz = float(np.median(np.concatenate([w.f0_hz[w.f0_hz > 0] for w in spoken.values()])))
    voice_midi = A4_MIDI + 12 * np.log2(voice_hz / A4_HZ)
    lowest = round(voice_midi) - LOWEST_BELOW_VOICE_SEMITONES
    notes: list[Note] = []
    for word, (semitones, beats) in zip(words, MELODIES[melody], strict=True):
        start_s = notes[-1].start_s + notes[-1].duration_s if notes else 0.0
        notes.append(Note(word, lowest + semitones, start_s, beats * BEAT_S))
    # All words at once, so that the phase is continuous.
    sung = zip(*(_sung(spoken[note.word], note) for note in notes), strict=True)
    f0_hz, *spectra = (np.concatenate(parts) for parts in sung)
    waveform = pyworld.synthesize(f0_hz, *spectra, SAMPLE_RATE_HZ)
    waveform = waveform[: round(len(f0_hz) * FRAME_S * SAMPLE_RATE_HZ)]
    return speech.at_level(waveform, delivery.level_db), notes


def _analyse(word: str, delivery: Delivery) -> _World:
    """Return WORLD's analysis of a spoken word without the silence around it."""
    import pyworld

    waveform = speech.to_16_khz(speech.synthesize(word, delivery.engine), delivery)
    # Harvest finds voice in short words where DIO finds none.
    f0_hz, times_s = pyworld.harvest(waveform, SAMPLE_RATE_HZ, *F0_LIMITS_HZ)
    if not (f0_hz > 0).any():
        raise speech.EspeakError(
            f"mini_emo: {word!r} has no voiced frame in {delivery.engine.voice}"
        )
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
    shares = (num_frames - unvoiced) / num_voiced, unvoiced / max(num_unvoiced, 1)
    lengths = np.where(voiced, *shares)
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


@dataclass(frozen=True)
class SongJob:
    """One song; ``path`` is relative to the corpus' root."""

    path: str
    melody: str
    words: tuple[str, ...]
    delivery: Delivery


def sing_file(root: Path, song: SongJob) -> None:
    """Write a song and its notes, unless the notes beside it say that it is this one."""
    mark = f"# {speech.fingerprint(SONG_VERSION, speech.espeak_version(), song)}"
    path = root / song.path
    notes_path = path.with_suffix(".tsv")
    if path.is_file() and notes_path.is_file():
        if notes_path.read_text(encoding="utf-8").startswith(f"{mark}\n"):
            return
    waveform, notes = sing(song.melody, song.words, song.delivery)
    notes_path.unlink(missing_ok=True)
    speech.write_wav(path, waveform)
    with atomic_open(notes_path) as stream:
        stream.write(f"{mark}\nword\tmidi\tf0_hz\tstart_s\tduration_s\n")
        for note in notes:
            numbers = f"{note.midi}\t{note.f0_hz:.2f}\t{note.start_s:.3f}\t{note.duration_s:.3f}"
            stream.write(f"{note.word}\t{numbers}\n")


# ---------------------------------------------------------------- conversions

STYLES = {"reading": Shift(0.8, -0.1, 0.3, -2.0), "lively": Shift(1.2, 0.12, 1.6, 2.0)}
"""Laid over an emotion."""
GERMAN = "de"  # eSpeak NG's language


def prepare_style(
    root: str | Path,
    data: str | Path,
    *,
    pairs_per_condition: int = 12,
    other_voice: bool = False,
    num_workers: int = 2,
    seed: int = 0,
) -> list[ListedConversion]:
    """Generate what is missing of the style part, write its ``list.tsv``, return the lines.

    Args:
        root: gets ``<set>/wav/`` and, for songs, their notes beside them.
        data: gets ``<set>/list.tsv`` of ``mini_emo_style`` or ``mini_emo_style_other_voice``.
        pairs_per_condition: conversions of each condition.
        other_voice: references by another voice than the source's.
        num_workers: processes; the files do not depend on it.
        seed: of the corpus.
    """
    if pairs_per_condition < 1:
        raise ValueError(f"mini_emo: {pairs_per_condition} pairs a condition; ask for at least 1")
    name = "mini_emo_style_other_voice" if other_voice else "mini_emo_style"
    root = Path(root).resolve() / name
    plan = _Plan(root, seed, other_voice)
    german = GermanGrammar(seed).draw(pairs_per_condition)
    places = range(pairs_per_condition)
    conversions = [plan.cross_lingual(index, german[index]) for index in places]
    for make in (plan.speaking_style, plan.emotional_style, plan.singing):
        conversions += map(make, places)
    speech.speak_files(root, list(plan.speech.values()), num_workers)
    for song in plan.songs.values():
        sing_file(root, song)
    list_file = Path(data) / name / "list.tsv"
    write_conversion_list(list_file, conversions)
    logger.info(f"{name}: {len(conversions)} conversions in {list_file}")
    return conversions


class _Plan:
    """Chooses voices and sentences, and collects what has to be spoken and sung."""

    def __init__(self, root: Path, seed: int, other_voice: bool) -> None:
        self.root, self.seed, self.other_voice = root, seed, other_voice
        self.speech: dict[str, SpeechJob] = {}
        self.songs: dict[str, SongJob] = {}
        test = plan_sets(MiniEmoSize(), seed)["mini_emo_test"]
        self.by_key = {(u.voice.speaker, u.sentence, u.emotion): u for u in test}
        self.voices = list({u.voice.speaker: u.voice for u in test}.values())
        self.sentences: dict[str, list[int]] = {}
        for speaker, sentence in dict.fromkeys((u.voice.speaker, u.sentence) for u in test):
            self.sentences.setdefault(speaker, []).append(sentence)

    def cross_lingual(self, index: int, text: str) -> ListedConversion:
        emotion = TARGET_EMOTIONS[index % len(TARGET_EMOTIONS)]
        voice = replace(self._model(index), accent=GERMAN)
        name = f"{voice.speaker}-{GERMAN}{index:02d}-{emotion}"
        prosody = self._speak(name, text, deliver(voice, emotion, name, self.seed))
        return self._listed(index, "cross_lingual", "neutral", prosody, f"german_{emotion}")

    def speaking_style(self, index: int) -> ListedConversion:
        style = list(STYLES)[index % len(STYLES)]
        emotion = TARGET_EMOTIONS[index // len(STYLES) % len(TARGET_EMOTIONS)]
        model = self._chosen(self._model(index).speaker, index, emotion, 0)
        name = f"{model.utterance_id}-{style}"
        delivery = deliver(model.voice, emotion, name, self.seed)
        prosody = self._speak(name, model.text, in_style(delivery, style))
        return self._listed(index, "speaking_style", emotion, prosody, style)

    def emotional_style(self, index: int) -> ListedConversion:
        emotion = ("happy", "sad")[index % 2]
        model = self._chosen(self._model(index).speaker, index, emotion, 0)
        prosody = self._utterance(model)
        return self._listed(index, "emotional_style", "angry", prosody, emotion)

    def singing(self, index: int) -> ListedConversion:
        melody = list(MELODIES)[index % len(MELODIES)]
        voice = self._model(index)
        name = f"{voice.speaker}-{index:02d}-{melody}"
        delivery = deliver(voice, "neutral", name, self.seed)
        path = f"wav/song/{voice.speaker}/{name}.wav"
        self.songs[path] = SongJob(path, melody, tuple(draw_words(melody, name)), delivery)
        return self._listed(index, "singing", "neutral", str(self.root / path), melody)

    def _model(self, index: int) -> Voice:
        """Return the voice of the reference."""
        place = index % len(self.voices)
        return other_item(self.voices, place, index) if self.other_voice else self.voices[place]

    def _chosen(
        self, speaker: str, index: int, emotion: str, step: int | None = None
    ) -> PlannedUtterance:
        """Return an utterance of the speaker, with a step one of another sentence."""
        numbers = self.sentences[speaker]
        place = index // len(self.voices) % len(numbers)
        number = numbers[place] if step is None else other_item(numbers, place, step)
        return self.by_key[speaker, number, emotion]

    def _listed(
        self, index: int, condition: str, emotion: str, prosody: str, what: str
    ) -> ListedConversion:
        """Return the line; another neutral utterance of the speaker gives the voice."""
        speaker = self.voices[index % len(self.voices)].speaker
        source = self._chosen(speaker, index, emotion)
        voice = self._chosen(speaker, index, "neutral", 1)
        name = f"{condition}-{index:02d}-{source.utterance_id}-to-{what}"
        return ListedConversion(
            name, condition, self._utterance(source), prosody, self._utterance(voice), source.text
        )

    def _utterance(self, utterance: PlannedUtterance) -> str:
        name = utterance.utterance_id
        delivery = deliver(utterance.voice, utterance.emotion, name, self.seed)
        return self._speak(name, utterance.text, delivery)

    def _speak(self, name: str, text: str, delivery: Delivery) -> str:
        path = f"wav/style/{name.split('-')[0]}/{name}.wav"
        self.speech[path] = SpeechJob(path, text, delivery)
        return str(self.root / path)


def in_style(delivery: Delivery, style: str) -> Delivery:
    """Return a delivery moved by one of STYLES."""
    shift, engine = STYLES[style], delivery.engine
    moved = replace(
        engine,
        rate_wpm=speech.limited(engine.rate_wpm * shift.rate, speech.RATE_WPM_LIMITS),
        pitch=speech.limited(engine.pitch + 50.0 * shift.pitch_octaves, speech.PITCH_LIMITS),
        pitch_range=speech.limited(engine.pitch_range * shift.pitch_range, speech.PITCH_LIMITS),
    )
    return replace(delivery, engine=moved, level_db=delivery.level_db + shift.level_db)
