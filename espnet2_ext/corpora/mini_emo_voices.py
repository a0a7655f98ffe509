"""The voices of mini_emo and what the four emotions do to them.

A voice is an eSpeak NG variant, an English accent and, drawn once from the seed, a
vocal tract size, base pitch, pitch range, rate and level. These spread further between
voices than the emotions move them, so that no emotion can be read from an absolute
value: a low, slow, soft utterance may be a sad one or just that speaker.
"""

import math
import random
from dataclasses import dataclass

from espnet2_ext.corpora.espeak import PITCH_LIMITS, RATE_WPM_LIMITS, SAMPLE_RATE_HZ, EspeakSettings

EMOTIONS = ("neutral", "angry", "happy", "sad")
ACCENTS = ("en-us", "en", "en-us", "en-gb-x-rp", "en-us", "en-gb-scotland", "en", "en-gb-x-gbclan")
"""eSpeak NG's language files; American and British English stand more often."""

# Left out of all lists, by name: robots and machines (UniRobot, anikaRobot, robosoft*,
# announcer, RicishayMax*), whispers (whisper*, caleb), monsters and jokes (Demonic, Tweaky,
# croak, zac, AnxiousAndy, kaukovalta, "Mr serious"), a strong echo (Marco), basses whose sad
# voice falls below 65 Hz (david, ian, m8, paul, quincy, Storm), and twins of others (Gene2,
# Hugo, edward2, iven, iven2, iven4, steph2, steph3, most of klatt*).
FEMALE_VARIANTS = ("f1", "f3", "Annie", "anika", "shelby", "belinda", "aunty", "steph")
MALE_VARIANTS = tuple(
    """Alex Andy Denis Gene Henrique Jacky Lee Mario Mike Nguyen Reed adam antonio boris ed
    grandpa gustave iven3 john klatt4 m1 m3 m4 m5 m6 marcelo max michel miguel mike2 norbert
    pablo pedro rob sandro travis victor""".split()
)
IEMOCAP_FEMALE_VARIANTS = ("f2", "Andrea", "linda", "f5", "grandma")
IEMOCAP_MALE_VARIANTS = ("m2", "Michael", "edward", "Diogo", "robert")
ESD_FEMALE_VARIANTS = ("f4", "Alicia")
ESD_MALE_VARIANTS = ("m7", "benjamin")
"""Variants of the parts whose voices are never seen in pretraining stand in no other list."""


@dataclass(frozen=True)
class Shift:
    """How far an emotion is from neutral: ratios, but pitch in octaves and level in dB."""

    rate: float
    pitch_octaves: float
    pitch_range: float
    level_db: float


SHIFTS = {
    "neutral": Shift(1.0, 0.0, 1.0, 0.0),
    "angry": Shift(1.21, 0.24, 1.6, 3.2),
    "happy": Shift(1.12, 0.46, 1.9, 1.3),
    "sad": Shift(0.73, -0.26, 0.36, -2.8),
}
NEUTRAL_RATE_WPM = 165.0
NEUTRAL_LEVEL_DB = -27.0
"""Root mean square over an utterance of a voice of average level, dB of full scale."""


@dataclass(frozen=True)
class Voice:
    """One speaker; ``strengths`` says how strongly it plays each emotion (1 is as SHIFTS)."""

    speaker: str
    gender: str
    variant: str
    accent: str
    engine_rate_hz: int
    pitch_octaves: float
    pitch_range: float
    rate: float
    level_db: float
    strengths: dict[str, float]


@dataclass(frozen=True)
class Delivery:
    """How one utterance is spoken: the library's settings, and what is done to its output.

    Attributes:
        engine: what eSpeak NG is told.
        engine_rate_hz: its output is taken as sampled at this rate. Above 22050 all
            formants move up as in a smaller vocal tract; pitch and rate in ``engine``
            allow for it.
        level_db: root mean square of the utterance, dB of full scale.
    """

    engine: EspeakSettings
    engine_rate_hz: int
    level_db: float


_Role = tuple[str, str, float | None, int]
"""Gender, variant, size of the vocal tract (None: drawn) and steps along ACCENTS."""


def draw_voice(
    speaker: str, gender: str, variant: str, accent: str, seed: int, tract: float | None = None
) -> Voice:
    """Return the voice; its values depend on the seed and its name only.

    Args:
        speaker: its id.
        gender: ``f`` or ``m``.
        variant: eSpeak NG's variant.
        accent: eSpeak NG's language.
        seed: of the corpus.
        tract: 0 (large vocal tract) to 1 (small); drawn if None.
    """
    generator = random.Random(f"mini_emo voice {seed} {speaker}")
    place = generator.random() if tract is None else tract
    lowest_octave = -0.35 if gender == "f" else -0.05
    # Multiples of 250 Hz keep the resampling filters short.
    engine_rate_hz = 250 * round((20500 + 3000 * place) / 250)
    return Voice(
        speaker=speaker,
        gender=gender,
        variant=variant,
        accent=accent,
        engine_rate_hz=engine_rate_hz,
        pitch_octaves=lowest_octave + generator.uniform(0.0, 0.45),
        pitch_range=math.exp(generator.uniform(-0.25, 0.25)),
        rate=math.exp(generator.uniform(-0.22, 0.22)),
        level_db=generator.uniform(-4.0, 4.0),
        strengths={emotion: generator.uniform(0.85, 1.2) for emotion in EMOTIONS},
    )


def pretraining_voices(count: int, seed: int) -> list[Voice]:
    """Return the first ``count`` of the pretraining voices, two of five female.

    A female variant serves up to three voices, of different size and accent.

    Raises:
        ValueError: more are asked than there are, or fewer than two.
    """
    females: list[_Role] = [
        ("f", variant, tract, accent_offset)
        for tract, accent_offset in ((0.5, 0), (0.0, 3), (1.0, 5))
        for variant in FEMALE_VARIANTS
    ]
    males: list[_Role] = [("m", variant, None, 0) for variant in MALE_VARIANTS]
    available = len(males) + len(females)
    if not 2 <= count <= available:
        raise ValueError(f"mini_emo: 2 to {available} pretraining voices can be had, not {count}")
    voices = []
    for index in range(count):
        pool = females if index % 5 in (0, 3) and females else males
        gender, variant, tract, accent_offset = pool.pop(0)
        accent = ACCENTS[(index + accent_offset) % len(ACCENTS)]
        speaker = f"p{index + 1:02d}{gender}"
        voices.append(draw_voice(speaker, gender, variant, accent, seed, tract))
    return voices


def paired_voices(prefix: str, female: tuple, male: tuple, seed: int) -> list[Voice]:
    """Return a female and a male voice in turn: ``<prefix>1f <prefix>1m <prefix>2f`` ..."""
    voices: list[Voice] = []
    for index, pair in enumerate(zip(female, male, strict=True)):
        for gender, variant in zip("fm", pair, strict=True):
            accent = ACCENTS[len(voices) % len(ACCENTS)]
            speaker = f"{prefix}{index + 1}{gender}"
            voices.append(draw_voice(speaker, gender, variant, accent, seed))
    return voices


def deliver(voice: Voice, emotion: str, utterance_id: str, seed: int) -> Delivery:
    """Return how the voice speaks this utterance: voice, emotion and a random deviation."""
    generator = random.Random(f"mini_emo delivery {seed} {utterance_id}")
    shift, strength = SHIFTS[emotion], voice.strengths[emotion]
    size = voice.engine_rate_hz / SAMPLE_RATE_HZ
    rate = voice.rate * shift.rate**strength * math.exp(generator.uniform(-0.06, 0.06)) / size
    octaves = (
        voice.pitch_octaves
        + strength * shift.pitch_octaves
        + generator.uniform(-0.06, 0.06)
        - math.log2(size)
    )
    pitch_range = (
        voice.pitch_range * shift.pitch_range**strength * math.exp(generator.uniform(-0.12, 0.12))
    )
    level_db = voice.level_db + strength * shift.level_db + generator.uniform(-1.2, 1.2)
    engine = EspeakSettings(
        voice=f"{voice.accent}+{voice.variant}",
        rate_wpm=limited(NEUTRAL_RATE_WPM * rate, RATE_WPM_LIMITS),
        pitch=limited(50.0 + 50.0 * octaves, PITCH_LIMITS),
        pitch_range=limited(50.0 * pitch_range, PITCH_LIMITS),
    )
    return Delivery(engine, voice.engine_rate_hz, NEUTRAL_LEVEL_DB + level_db)


def limited(value: float, limits: tuple[int, int]) -> int:
    """Return the value rounded, and the nearer limit where it lies outside them."""
    return min(max(round(value), limits[0]), limits[1])
