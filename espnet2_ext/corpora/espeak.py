"""Speech from the eSpeak NG library that the PyPI package espeakng-loader ships.

The library keeps state between two syntheses that no call resets (the phase of its
flutter and of its noise, which it seeds with the time of day), so the same sentence
gives other samples the second time.
Every synthesis here runs in a child process forked for it alone: the library is
initialised, speaks once and is gone. The samples then depend on the arguments and on
the version only, whatever was spoken before and however many workers share the load.
"""

import ctypes
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

SAMPLE_RATE_HZ = 22050
"""The rate of every eSpeak NG voice used here."""
RATE_WPM_LIMITS = (80, 450)
PITCH_LIMITS = (0, 99)

_NOISE_SEED = 1
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


class EspeakError(RuntimeError):
    """eSpeak NG is not installed, or could not speak; the message is one line."""


@dataclass(frozen=True)
class EspeakSettings:
    """What the library is told before it speaks.

    Attributes:
        voice: language file and variant, ``en-us+f1``; British English is ``en``. Names
            that are no files are errors here; the library would keep the voice it had
            (language) or speak without the variant.
        rate_wpm: words a minute, 80 to 450.
        pitch: 0 to 99; 50 is the variant's own base, 50 more is an octave up.
        pitch_range: 0 to 99; 50 is the variant's own, 0 is monotone.
        volume: the library's amplitude, 100 its default. Loud variants clip above 25.
    """

    voice: str
    rate_wpm: int
    pitch: int
    pitch_range: int
    volume: int = 25


def _package_directory() -> Path:
    try:
        import espeakng_loader
    except ImportError as error:
        raise EspeakError("eSpeak NG is not installed; run: pip install espeakng-loader") from error
    return Path(espeakng_loader.__file__).parent


def _load_library() -> ctypes.CDLL:
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Info.restype = ctypes.c_char_p
    library.espeak_SetSynthCallback.argtypes = [_Callback]
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return library


def espeak_version() -> str:
    """Return the library's version, such as ``1.52.0``.

    Raises:
        EspeakError: espeakng-loader is not installed.
    """
    _package_directory()
    return _load_library().espeak_Info(None).decode()


def synthesize(text: str, settings: EspeakSettings) -> np.ndarray:
    """Return the waveform (N,) int16 at 22050 Hz; the same for the same arguments.

    Raises:
        EspeakError: the package is missing, the voice is unknown, or nothing was spoken.
    """
    directory = _package_directory()
    _check(text, settings, directory)
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside threads. The child takes no lock of theirs:
        # it runs the C library, writes to the pipe and leaves without clean-up.
        warnings.simplefilter("ignore", DeprecationWarning)
        process_id = os.fork()
    if process_id == 0:
        os.close(read_end)
        _speak_and_exit(text, settings, directory, write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        samples = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])
    if status != 0 or not samples:
        reason = _REASONS.get(status, f"nothing was spoken (exit {status})")
        raise EspeakError(f"eSpeak NG: voice {settings.voice!r}, text {text!r}: {reason}")
    return np.frombuffer(samples, dtype=np.int16)


def _check(text: str, settings: EspeakSettings, directory: Path) -> None:
    if not text.strip():
        raise EspeakError(f"eSpeak NG: voice {settings.voice!r}: the text is empty")
    variant = settings.voice.partition("+")[2]
    if variant and not (directory / "espeak-ng-data" / "voices" / "!v" / variant).is_file():
        raise EspeakError(
            f"eSpeak NG: voice {settings.voice!r}, text {text!r}: {_REASONS[_UNKNOWN_VOICE]}"
        )


def _speak_and_exit(text: str, settings: EspeakSettings, directory: Path, pipe: int) -> NoReturn:
    status = _SYNTHESIS_FAILED
    try:
        # The library cuts paths of more than 160 bytes; a relative one is always short.
        os.chdir(directory)
        status, samples = _speak(text, settings)
        with os.fdopen(pipe, "wb") as stream:
            stream.write(samples)
    finally:
        os._exit(status)


def _speak(text: str, settings: EspeakSettings) -> tuple[int, bytes]:
    library = _load_library()
    if library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DO_NOT_EXIT) != SAMPLE_RATE_HZ:
        return _INITIALISATION_FAILED, b""
    library.espeak_ng_SetRandSeed(ctypes.c_long(_NOISE_SEED))  # else it is the time of day
    chunks: list[bytes] = []

    def collect(waveform: "ctypes._Pointer", count: int, events: int) -> int:
        if waveform and count > 0:
            chunks.append(ctypes.string_at(waveform, 2 * count))
        return 0

    callback = _Callback(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(settings.voice.encode()) != 0:
        return _UNKNOWN_VOICE, b""
    for parameter, value in (
        (_RATE, settings.rate_wpm),
        (_VOLUME, settings.volume),
        (_PITCH, settings.pitch),
        (_RANGE, settings.pitch_range),
    ):
        if library.espeak_SetParameter(parameter, value, 0) != 0:
            return _SYNTHESIS_FAILED, b""
    encoded = text.encode()
    if library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None) != 0:
        return _SYNTHESIS_FAILED, b""
    library.espeak_Synchronize()
    return 0, b"".join(chunks)
