"""mini_emo_hard: the voices and sentences of mini_emo, with emotions that overlap; not in paper.

In mini_emo, rate, pitch, range and level give every emotion away. Here an utterance is a draw of
eleven cues around the means of its emotion, so that emotions overlap; every speaker has an own
neutral, realises an emotion by an own subset of the cues, and each of them by an own size. Angry
and happy differ little in pitch, range, rate and level, as do sad and neutral: these are told
apart by voice quality (spectral tilt, aspiration noise, jitter, shimmer) and intonation (final
rise or fall, a pitch accent on an early or late word), which WORLD gives eSpeak NG's speech.

What was drawn for an utterance is in the table ``utt2parameters``; how well the emotion can be
read from it, and from the audio, in ``tools/bench/mini_emo_ceiling.md``.

Deviation: a word's place in time is estimated from its syllables; the accent is put on the nearest
maximum of the level. Aspiration noise has no voice source of its own, it is WORLD's aperiodicity.
"""

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet2_ext.corpora.mini_emo.grammar import count_syllables
from espnet2_ext.corpora.mini_emo.speech import (
    ESPEAK_RATE_HZ,
    NEUTRAL_LEVEL_DB,
    NEUTRAL_RATE_WPM,
    PITCH_LIMITS,
    RATE_WPM_LIMITS,
    Delivery,
    EspeakError,
    EspeakSettings,
    SpeechJob,
    Voice,
    limited,
    synthesize,
)
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_table

PARAMETERS = "utt2parameters"

# ---------------------------------------------------------------- cues and habits


class Cues(NamedTuple):
    """How an utterance is spoken; logs are natural.

    Attributes:
        pitch_octaves: from the base of the variant.
        log_range: log of the factor of the deviations of log F0 from its mean.
        log_rate: log of the ratio to 165 words a minute.
        level_db: from -27 dB of full scale.
        tilt_db: of the spectrum, an octave.
        breath_db: power of aspiration noise over that of the voice, in high bands, from -8 dB.
        log_jitter: log of the ratio to a deviation of F0 of 1 % from frame to frame.
        log_shimmer: log of the ratio to a deviation of the level of 1 dB from frame to frame.
        final_semitones: rise (or fall) at the end.
        accent_semitones: height of the pitch accent.
        accent_place: 0 on the first word to 1 on the last.
    """

    pitch_octaves: float
    log_range: float
    log_rate: float
    level_db: float
    tilt_db: float
    breath_db: float
    log_jitter: float
    log_shimmer: float
    final_semitones: float
    accent_semitones: float
    accent_place: float


EMOTION_MEANS = {
    "neutral": Cues(*[0.0] * 11),
    "angry": Cues(0.22, 0.40, 0.13, 2.8, 1.9, -5.0, 0.70, 0.45, -2.7, 1.0, -0.18),
    "happy": Cues(0.32, 0.50, 0.09, 1.5, 0.4, 2.4, -0.40, -0.25, 3.3, 1.2, 0.18),
    "sad": Cues(-0.15, -0.35, -0.20, -2.2, -1.5, 6.5, 0.45, 0.45, -1.2, -0.8, 0.0),
}
"""From the speaker's neutral. Signs and sizes are ours; sizes are tuned so that the parameters
tell about nine of ten emotions, and pitch, range, rate and level about seven."""
SPREAD = Cues(0.11, 0.23, 0.085, 1.6, 1.15, 5.0, 0.65, 0.55, 2.2, 1.0, 0.19)
"""Standard deviation of the draws within an emotion."""
SPEAKER_MEAN = Cues(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.5, 0.5)
SPEAKER_SPREAD = Cues(0.0, 0.0, 0.0, 0.0, 1.2, 3.0, 0.4, 0.3, 1.0, 0.5, 0.1)
"""Of the speakers' neutrals, but for pitch, range, rate and level, which the voice has."""
WEAK_CUES = 3
"""So many of the cues a speaker hardly uses for an emotion, others for another one."""
WEAK_SIZE, SIZE = (0.0, 0.3), (0.75, 1.3)
"""Limits of how large a cue is, 1 being as in EMOTION_MEANS."""


def expected_cues(voice: Voice, emotion: str, seed: int) -> Cues:
    """Return the means of the voice's draws for an emotion: its neutral and its habit."""
    generator = random.Random(f"mini_emo hard voice {seed} {voice.speaker}")
    own = [generator.gauss(*each) for each in zip(SPEAKER_MEAN, SPEAKER_SPREAD, strict=True)]
    voiced = voice.pitch_octaves, math.log(voice.pitch_range), math.log(voice.rate), voice.level_db
    own[: len(voiced)] = voiced
    generator = random.Random(f"mini_emo hard habit {seed} {voice.speaker} {emotion}")
    weak = generator.sample(range(len(own)), WEAK_CUES)
    sizes = [generator.uniform(*(WEAK_SIZE if i in weak else SIZE)) for i in range(len(own))]
    means = zip(own, sizes, EMOTION_MEANS[emotion], strict=True)
    return Cues(*(start + size * mean for start, size, mean in means))


def draw_cues(voice: Voice, emotion: str, utterance_id: str, seed: int) -> Cues:
    """Return the cues of an utterance."""
    generator = random.Random(f"mini_emo hard delivery {seed} {utterance_id}")
    means = expected_cues(voice, emotion, seed)
    return Cues(*(generator.gauss(*each) for each in zip(means, SPREAD, strict=True)))


# ---------------------------------------------------------------- a job

MIN_ACCENTED_LETTERS = 4
"""Shorter words are mostly function words and bear no accent."""
BREATH_DB, JITTER_PERCENT, SHIMMER_DB = -8.0, 1.0, 1.0
"""Of cues that are 0."""
MAX_BREATH_DB, MAX_JITTER_PERCENT, MAX_SHIMMER_DB = 4.0, 5.0, 4.0
"""Beyond them speech would be a whisper or a growl; a cue that asks for more gets so much."""


class Manner(NamedTuple):
    """What is done to the synthesiser's speech; ``seed`` is of jitter and shimmer."""

    range_factor: float
    tilt_db: float
    breath_db: float
    jitter_percent: float
    shimmer_db: float
    final_semitones: float
    accent_semitones: float
    accent_share: float  # of the speech's length, at which the accented word's centre is
    seed: str


@dataclass(frozen=True)
class HardJob(SpeechJob):
    """One file to speak; ``cues`` and ``accented`` (a word) are what its table says."""

    manner: Manner
    cues: Cues
    accented: str


def plan_job(
    path: str, text: str, voice: Voice, emotion: str, utterance_id: str, seed: int
) -> HardJob:
    """Return the job of an utterance."""
    cues = draw_cues(voice, emotion, utterance_id, seed)
    size = voice.engine_rate_hz / ESPEAK_RATE_HZ
    engine = EspeakSettings(
        voice=f"{voice.accent}+{voice.variant}",
        rate_wpm=limited(NEUTRAL_RATE_WPM * math.exp(cues.log_rate) / size, RATE_WPM_LIMITS),
        pitch=limited(50.0 + 50.0 * (cues.pitch_octaves - math.log2(size)), PITCH_LIMITS),
        pitch_range=50,
    )
    accented, share = accented_word(text, cues.accent_place)
    manner = Manner(
        math.exp(cues.log_range),
        cues.tilt_db,
        min(BREATH_DB + cues.breath_db, MAX_BREATH_DB),
        min(JITTER_PERCENT * math.exp(cues.log_jitter), MAX_JITTER_PERCENT),
        min(SHIMMER_DB * math.exp(cues.log_shimmer), MAX_SHIMMER_DB),
        cues.final_semitones,
        cues.accent_semitones,
        share,
        f"{seed} {utterance_id}",
    )
    delivery = Delivery(engine, voice.engine_rate_hz, NEUTRAL_LEVEL_DB + cues.level_db)
    return HardJob(path, text, delivery, manner, cues, accented)


def accented_word(text: str, place: float) -> tuple[str, float]:
    """Return the content word nearest to a place (0 to 1) and where its centre is, 0 to 1."""
    words = re.findall(r"[^\W\d_]+", text)
    syllables = np.array([count_syllables(word) for word in words], dtype=float)
    centres = (np.cumsum(syllables) - syllables / 2) / syllables.sum()
    bearing = [i for i, word in enumerate(words) if len(word) >= MIN_ACCENTED_LETTERS]
    best = min(bearing or range(len(words)), key=lambda index: abs(centres[index] - place))
    return words[best], float(centres[best])


def write_parameters(path: Path, jobs: Mapping[str, HardJob]) -> None:
    """Write ``utterance name=value ...``, tab separated: cues, and the accented word."""
    lines = []
    for utterance_id, job in sorted(jobs.items()):
        cells = [f"{name}={value:.4f}" for name, value in job.cues._asdict().items()]
        lines.append("\t".join([utterance_id, *cells, f"accented={job.accented}"]) + "\n")
    text = "".join(lines)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with atomic_open(path) as stream:
            stream.write(text)


def read_parameters(path: str | Path) -> dict[str, Cues]:
    """Return the cues of every utterance; ValueError where a line lacks one."""
    found = {}
    for utterance_id, value in read_table(path).items():
        cells = dict(cell.partition("=")[::2] for cell in value.split("\t"))
        try:
            found[utterance_id] = Cues(*(float(cells[name]) for name in Cues._fields))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path}: {utterance_id}: no number for {error}") from error
    return found


# ---------------------------------------------------------------- audio

F0_LIMITS_HZ = (65.0, 600.0)  # of the analysis; CheapTrick knows no lower one at its length
SPOKEN_F0_LIMITS_HZ = (60.0, 550.0)
FRAME_S = 0.005  # WORLD's default
DIO_ALLOWED_RANGE = 0.2  # 0.1, the default, leaves a tenth of voiced speech out
FINAL_S = 0.35  # over which the final movement grows
ACCENT_S = 0.08  # standard deviation of the accent's bump
ACCENT_DB_PER_SEMITONE = 0.6
SEARCH_S = 0.12  # around a word's estimated centre
TILT_CENTRE_HZ, TILT_FLOOR_HZ = 1000.0, 250.0
BREATH_BAND_HZ = (600.0, 3000.0)  # aspiration noise rises from nothing to its full power
PEAK = 30000.0  # of int16


def speak(job: HardJob) -> np.ndarray:
    """Return eSpeak NG's samples (N,) int16 at the delivery's rate, spoken in the job's manner."""
    samples = synthesize(job.text, job.delivery.engine)
    shaped = shape(samples / 32768.0, job.delivery.engine_rate_hz, job.manner)
    return np.round(shaped * (PEAK / np.abs(shaped).max())).astype(np.int16)


def shape(waveform: np.ndarray, rate_hz: int, manner: Manner) -> np.ndarray:
    """Return the waveform (N,) analysed by WORLD, changed and synthesised, of the same length.

    EspeakError where WORLD finds no voice.
    """
    import pyworld

    coarse_hz, times_s = pyworld.dio(
        waveform, rate_hz, *F0_LIMITS_HZ, allowed_range=DIO_ALLOWED_RANGE
    )
    f0_hz = pyworld.stonemask(waveform, coarse_hz, times_s, rate_hz)
    if not (f0_hz > 0).any():
        raise EspeakError("mini_emo: no voice found in eSpeak NG's speech; change the voice")
    envelope = pyworld.cheaptrick(waveform, f0_hz, times_s, rate_hz)
    aperiodicity = pyworld.d4c(waveform, f0_hz, times_s, rate_hz)
    frequencies_hz = np.linspace(0.0, rate_hz / 2, envelope.shape[1])
    noise = np.random.default_rng(list(manner.seed.encode())).standard_normal((2, len(f0_hz)))
    accent = accent_bump(envelope.mean(axis=1), f0_hz > 0, manner)
    new_hz = intoned(f0_hz, accent, noise[0], manner)
    gains_db = ACCENT_DB_PER_SEMITONE * manner.accent_semitones * accent
    gains_db = gains_db + np.where(f0_hz > 0, manner.shimmer_db * noise[1], 0.0)
    octaves = np.log2(np.maximum(frequencies_hz, TILT_FLOOR_HZ) / TILT_CENTRE_HZ)
    gains_db = gains_db[:, None] + manner.tilt_db * octaves
    breath = np.where(f0_hz > 0, 1.0, 0.0)[:, None] * breath_power(frequencies_hz, manner.breath_db)
    # WORLD's aperiodicity is the amplitude of noise over that of all; noise adds to the power.
    aperiodicity = np.sqrt((aperiodicity**2 + breath) / (1.0 + breath))
    envelope = envelope * 10 ** (gains_db / 10) * (1.0 + breath)
    spoken = pyworld.synthesize(new_hz, envelope, aperiodicity, rate_hz)
    return spoken[: len(waveform)]


def accent_bump(power: np.ndarray, voiced: np.ndarray, manner: Manner) -> np.ndarray:
    """Return (T,) a bump of height 1 on the loudest voiced frame near the accented word."""
    first, last = np.flatnonzero(voiced)[[0, -1]]
    frames = np.arange(len(power))
    near = np.abs(frames - (first + manner.accent_share * (last - first))) <= SEARCH_S / FRAME_S
    near &= voiced
    place = np.where(near if near.any() else voiced, power, -1.0).argmax()
    return np.exp(-0.5 * ((frames - place) * FRAME_S / ACCENT_S) ** 2)


def intoned(f0_hz: np.ndarray, accent: np.ndarray, noise: np.ndarray, manner: Manner) -> np.ndarray:
    """Return F0 (T,) with the manner's range, final movement, accent and jitter; 0 stays 0."""
    voiced = f0_hz > 0
    log_f0 = np.log(f0_hz[voiced])
    log_f0 = log_f0.mean() + manner.range_factor * (log_f0 - log_f0.mean())
    frames = np.flatnonzero(voiced)
    place = 1.0 - (frames[-1] - frames) * (FRAME_S / FINAL_S)
    semitones = manner.final_semitones * np.sin(np.pi / 2 * place.clip(0.0, 1.0)) ** 2
    semitones += manner.accent_semitones * accent[voiced]
    log_f0 += semitones * (math.log(2) / 12) + manner.jitter_percent / 100 * noise[voiced]
    result = np.zeros(len(f0_hz))
    result[voiced] = np.exp(log_f0).clip(*SPOKEN_F0_LIMITS_HZ)
    return result


def breath_power(frequencies_hz: np.ndarray, breath_db: float) -> np.ndarray:
    """Return (F,) the power of aspiration noise over that of the voice."""
    low, high = np.log(BREATH_BAND_HZ)
    share = ((np.log(np.maximum(frequencies_hz, 1.0)) - low) / (high - low)).clip(0.0, 1.0)
    return 10 ** (breath_db / 10) * share**2 * (3.0 - 2.0 * share)
