"""Speak utterances with eSpeak NG: its library, the voices of mini_emo, and the wav files.

The library keeps state that no call resets (the phase of its flutter and noise), so every
synthesis runs in a child process of its own: samples depend on arguments and version only.
"""

import ctypes
import hashlib
import math
import os
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, resample
from espnet2_ext.data.parallel import atomic_open, atomic_path, parallel_map, remove_leftovers

# ---------------------------------------------------------------- eSpeak NG

ESPEAK_RATE_HZ = 22050  # of every voice used here
RATE_WPM_LIMITS = (80, 450)
PITCH_LIMITS = (0, 99)

_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = 2, 0x8000, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_INITIALISATION_FAILED, _UNKNOWN_VOICE, _SYNTHESIS_FAILED = 3, 4, 5
_REASONS = {
    _INITIALISATION_FAILED: "the library did not find its data; reinstall espeakng-loader",
    _UNKNOWN_VOICE: "no such voice; see espeak-ng-data/lang and espeak-ng-data/voices/!v",
    _SYNTHESIS_FAILED: "the synthesis failed",
}
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_SYNTH_ARGUMENTS = (
    *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
    *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
)


class EspeakError(ValueError):
    """eSpeak NG is not installed, or could not speak; the message is one line."""


@dataclass(frozen=True)
class EspeakSettings:
    """Settings of the library."""

    voice: str  # language file and variant, en-us+f1; British English is en
    rate_wpm: int
    pitch: int  # 0 to 99; 50 is the variant's own base, 50 more is an octave up
    pitch_range: int  # 0 to 99; 50 is the variant's own, 0 is monotone
    volume: int = 25  # the library's default is 100; loud variants clip above 25


def _load_library() -> tuple[ctypes.CDLL, Path]:
    """Return the library and the folder of its package."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise EspeakError("eSpeak NG is not installed; run: pip install espeakng-loader") from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Info.restype = ctypes.c_char_p
    library.espeak_SetSynthCallback.argtypes = [_Callback]
    library.espeak_Synth.argtypes = _SYNTH_ARGUMENTS
    return library, Path(espeakng_loader.__file__).parent


def espeak_version() -> str:
    """Return the library's version, such as ``1.52.0``; an EspeakError where there is none."""
    return _load_library()[0].espeak_Info(None).decode()


def synthesize(text: str, settings: EspeakSettings) -> np.ndarray:
    """Return the waveform (N,) int16 at 22050 Hz; the same for the same arguments.

    EspeakError where the package is missing, the voice is unknown, or nothing was spoken.
    """
    library, directory = _load_library()
    place = f"eSpeak NG: voice {settings.voice!r}, text {text!r}"
    if not text.strip():
        raise EspeakError(f"{place}: the text is empty")
    # The library would speak without an unknown variant.
    variant = settings.voice.partition("+")[2]
    if variant and not (directory / "espeak-ng-data/voices/!v" / variant).is_file():
        raise EspeakError(f"{place}: {_REASONS[_UNKNOWN_VOICE]}")
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside threads. The child takes no lock of theirs:
        # it runs the C library, writes to the pipe and leaves without clean-up.
        warnings.simplefilter("ignore", DeprecationWarning)
        process_id = os.fork()
    if process_id == 0:
        status = _SYNTHESIS_FAILED
        try:
            # The library cuts paths of more than 160 bytes; a relative one is always short.
            os.chdir(directory)
            status, spoken = _speak_in_engine(library, text, settings)
            with os.fdopen(write_end, "wb") as stream:
                stream.write(spoken)
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        samples = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])
    if status != 0 or not samples:
        raise EspeakError(f"{place}: {_REASONS.get(status, f'nothing was spoken (exit {status})')}")
    return np.frombuffer(samples, dtype=np.int16)


def _speak_in_engine(
    library: ctypes.CDLL, text: str, settings: EspeakSettings
) -> tuple[int, bytes]:
    """Return the exit status of the child, 0 for success, and the samples."""
    if library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DO_NOT_EXIT) != ESPEAK_RATE_HZ:
        return _INITIALISATION_FAILED, b""
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else it is the time of day
    chunks: list[bytes] = []

    def collect(waveform: "ctypes._Pointer", count: int, events: int) -> int:
        if waveform and count > 0:
            chunks.append(ctypes.string_at(waveform, 2 * count))
        return 0

    callback = _Callback(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(settings.voice.encode()) != 0:
        return _UNKNOWN_VOICE, b""
    values = settings.rate_wpm, settings.volume, settings.pitch, settings.pitch_range
    failed = [
        library.espeak_SetParameter(parameter, value, 0)
        for parameter, value in zip((_RATE, _VOLUME, _PITCH, _RANGE), values)
    ]
    encoded = text.encode()
    failed.append(library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None))
    if any(failed):
        return _SYNTHESIS_FAILED, b""
    library.espeak_Synchronize()
    return 0, b"".join(chunks)


# ---------------------------------------------------------------- voices and emotions
# A voice is an eSpeak NG variant, an English accent and, drawn once from the seed, a vocal tract
# size, base pitch, pitch range, rate and level. These vary more between voices than between
# emotions, so that no emotion can be told from an absolute value.

EMOTIONS = ("neutral", "angry", "happy", "sad")
ACCENTS = ("en-us", "en", "en-us", "en-gb-x-rp", "en-us", "en-gb-scotland", "en", "en-gb-x-gbclan")
"""eSpeak NG's language files; American and British English stand more often."""

# Left out of all lists: robots, whispers, monsters and jokes, a strong echo (Marco), basses whose
# sad voice falls below 65 Hz (david, ian, m8, paul, quincy, Storm), and twins of others. Variants
# of the parts whose voices are never seen in pretraining stand in no other list.
FEMALE_VARIANTS = ("f1", "f3", "Annie", "anika", "shelby", "belinda", "aunty", "steph")
MALE_VARIANTS = tuple(
    """Alex Andy Denis Gene Henrique Jacky Lee Mario Mike Nguyen Reed adam antonio boris ed
    grandpa gustave iven3 john klatt4 m1 m3 m4 m5 m6 marcelo max michel miguel mike2 norbert
    pablo pedro rob sandro travis victor""".split()
)
PAIRED_VARIANTS = {
    "i": ("f2 Andrea linda f5 grandma".split(), "m2 Michael edward Diogo robert".split()),
    "e": ("f4 Alicia".split(), "m7 benjamin".split()),
}
"""Women and men of the parts like IEMOCAP and ESD, by the first letter of their speakers."""


class Shift(NamedTuple):
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
NEUTRAL_LEVEL_DB = -27.0  # root mean square of a voice of average level, dB of full scale


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
    """How one utterance is spoken.

    The output is taken to be sampled at ``engine_rate_hz``: above 22050 all formants move up as in
    a smaller vocal tract; pitch and rate in ``engine`` allow for it.
    """

    engine: EspeakSettings
    engine_rate_hz: int
    level_db: float  # root mean square, dB of full scale


def draw_voice(
    speaker: str, gender: str, variant: str, accent: str, seed: int, tract: float | None = None
) -> Voice:
    """Return a voice by seed and name; ``tract`` is 0 (large) to 1 (small), drawn if None."""
    generator = random.Random(f"mini_emo voice {seed} {speaker}")
    place = generator.random() if tract is None else tract
    lowest_octave = -0.35 if gender == "f" else -0.05
    return Voice(
        *(speaker, gender, variant, accent),
        # Multiples of 250 Hz keep the resampling filters short.
        engine_rate_hz=250 * round((20500 + 3000 * place) / 250),
        pitch_octaves=lowest_octave + generator.uniform(0.0, 0.45),
        pitch_range=math.exp(generator.uniform(-0.25, 0.25)),
        rate=math.exp(generator.uniform(-0.22, 0.22)),
        level_db=generator.uniform(-4.0, 4.0),
        strengths={emotion: generator.uniform(0.85, 1.2) for emotion in EMOTIONS},
    )


def pretraining_voices(count: int, seed: int) -> list[Voice]:
    """Return the first ``count`` of the pretraining voices, two of five female."""
    # A female variant serves up to three voices, of different size and accent.
    sizes = ((0.5, 0), (0.0, 3), (1.0, 5))
    females = [("f", variant, *size) for size in sizes for variant in FEMALE_VARIANTS]
    males = [("m", variant, None, 0) for variant in MALE_VARIANTS]
    most = len(males) + len(females)
    if not 2 <= count <= most:
        raise ValueError(f"mini_emo: 2 to {most} pretraining voices can be had, not {count}")
    voices = []
    for index in range(count):
        is_female = index % 5 in (0, 3) and females
        gender, variant, tract, accent_offset = females.pop(0) if is_female else males.pop(0)
        accent = ACCENTS[(index + accent_offset) % len(ACCENTS)]
        voices.append(draw_voice(f"p{index + 1:02d}{gender}", gender, variant, accent, seed, tract))
    return voices


def paired_voices(prefix: str, seed: int) -> list[Voice]:
    """Return a female and a male voice in turn: ``<prefix>1f <prefix>1m <prefix>2f`` ..."""
    voices: list[Voice] = []
    for index, pair in enumerate(zip(*PAIRED_VARIANTS[prefix], strict=True)):
        for gender, variant in zip("fm", pair, strict=True):
            accent = ACCENTS[len(voices) % len(ACCENTS)]
            speaker = f"{prefix}{index + 1}{gender}"
            voices.append(draw_voice(speaker, gender, variant, accent, seed))
    return voices


def deliver(voice: Voice, emotion: str, utterance_id: str, seed: int) -> Delivery:
    """Return how the voice speaks this utterance: voice, emotion and a random deviation."""
    generator = random.Random(f"mini_emo delivery {seed} {utterance_id}")
    shift, strength = SHIFTS[emotion], voice.strengths[emotion]
    size = voice.engine_rate_hz / ESPEAK_RATE_HZ
    rate = voice.rate * shift.rate**strength * math.exp(generator.uniform(-0.06, 0.06)) / size
    octaves = voice.pitch_octaves + strength * shift.pitch_octaves
    octaves += generator.uniform(-0.06, 0.06) - math.log2(size)
    pitch_range = voice.pitch_range * shift.pitch_range**strength
    pitch_range *= math.exp(generator.uniform(-0.12, 0.12))
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


# ---------------------------------------------------------------- files

MANIFEST = "mini_emo_manifest.tsv"
WAV_HEADER_BYTES = 44
MIN_DURATION_S = 0.5
MAX_PEAK = 0.98
MANIFEST_INTERVAL = 200
AUDIO_VERSION = 1  # raised when the way from eSpeak NG's samples to the file changes


@dataclass(frozen=True)
class SpeechJob:
    """One file to speak; ``path`` is relative to the corpus' root."""

    path: str
    text: str
    delivery: Delivery


def speak_files(
    root: str | Path,
    jobs: Sequence[SpeechJob],
    num_workers: int,
    speak: Callable[..., np.ndarray] | None = None,
) -> dict[str, int]:
    """Write every job's wav file (16 kHz, mono, 16 bit) and return ``{path: samples}``.

    ``speak`` returns a job's samples (N,) int16 at its delivery's rate, in a worker; None has the
    synthesiser speak.

    A file is kept if the manifest, which is written every 200 files and at the end, lists it with
    the job's fingerprint and its size.
    """
    root = Path(root)
    remove_leftovers(root)
    version = espeak_version()
    fingerprints = {job.path: fingerprint(AUDIO_VERSION, version, job) for job in jobs}
    listed, rows = {}, {}
    if (root / MANIFEST).is_file():
        for line in (root / MANIFEST).read_text(encoding="utf-8").splitlines():
            path, num_samples, mark = line.split("\t")
            listed[path] = (int(num_samples), mark)
            wav, size_bytes = root / path, WAV_HEADER_BYTES + 2 * int(num_samples)
            is_whole = wav.is_file() and wav.stat().st_size == size_bytes
            if is_whole and fingerprints.get(path) == mark:
                rows[path] = listed[path]
    missing = [job for job in jobs if job.path not in rows]
    # The workers only speak: they fork for every utterance, which is twice as fast in a
    # process that never loaded torch. The filter's and level's arithmetic stays here.
    spoken = parallel_map(
        *(speak or _speak, missing),
        description="mini_emo",
        num_workers=num_workers,
        chunk_size=8,
        start_method="spawn",
    )
    for done, (job, samples) in enumerate(zip(missing, spoken, strict=True), start=1):
        waveform = finish(samples, job)
        write_wav(root / job.path, waveform)
        rows[job.path] = (len(waveform), fingerprints[job.path])
        if done % MANIFEST_INTERVAL == 0:
            _write_manifest(root, rows)
    if rows != listed:
        _write_manifest(root, rows)
    return {job.path: rows[job.path][0] for job in jobs}


def _speak(job: SpeechJob) -> np.ndarray:
    return synthesize(job.text, job.delivery.engine)


def finish(samples: np.ndarray, job: SpeechJob) -> np.ndarray:
    """Return the samples as the file's, (N,) int16; EspeakError where they are short or silent."""
    duration_s = len(samples) / job.delivery.engine_rate_hz
    if duration_s < MIN_DURATION_S or not samples.any():
        raise EspeakError(
            f"mini_emo: {job.path}: eSpeak NG gave {duration_s:.2f} s, peak"
            f" {np.abs(samples).max(initial=0)}, for {job.text!r}; change the sentence or voice"
        )
    return at_level(to_16_khz(samples, job.delivery), job.delivery.level_db)


def to_16_khz(samples: np.ndarray, delivery: Delivery) -> np.ndarray:
    """Return eSpeak NG's samples (N,) int16 as a waveform (M,) float64 at 16 kHz."""
    waveform = resample(samples / np.float32(32768), delivery.engine_rate_hz, SAMPLE_RATE_HZ)
    return waveform.astype(np.float64)


def at_level(waveform: np.ndarray, level_db: float) -> np.ndarray:
    """Return the waveform as int16 at a level, or below it where a peak would pass 0.98."""
    gain = 10 ** (level_db / 20) / np.sqrt(np.mean(waveform**2))
    gain = min(gain, MAX_PEAK / np.abs(waveform).max())
    return np.round(waveform * gain * 32767).astype(np.int16)


def write_wav(path: Path, waveform: np.ndarray) -> None:
    """Write a waveform at 16 kHz."""
    with atomic_path(path) as temporary:
        soundfile.write(temporary, waveform, SAMPLE_RATE_HZ, subtype="PCM_16")


def fingerprint(*described: object) -> str:
    """Return 16 hex digits that differ where what is described differs."""
    return hashlib.sha256(repr(described).encode()).hexdigest()[:16]


def _write_manifest(root: Path, rows: Mapping[str, tuple[int, str]]) -> None:
    with atomic_open(root / MANIFEST) as stream:
        for path, (num_samples, mark) in sorted(rows.items()):
            stream.write(f"{path}\t{num_samples}\t{mark}\n")
