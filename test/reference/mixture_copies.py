"""Miniature copies of the four pretraining corpora, spoken by eSpeak NG, in the real containers."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile

from espnet2_ext.corpora.mini_emo.grammar import SentenceGrammar
from espnet2_ext.corpora.mini_emo.speech import (
    EMOTIONS,
    SpeechJob,
    deliver,
    pretraining_voices,
    speak_files,
)
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, resample
from reference import lrs3_copy, msp_improv_copy, msp_podcast_copy, omg_copy
from reference.film import write_film

SEED = 0
NUM_VOICES = 4
PER_VOICE = 46
PAUSE_S = 0.6
TALKS = ("aB3dE5fG7hI", "-_CdEfGhIjK", "Kj8_hG6fE4d")
LINKS = ("AbCdEfGhIjK", "_bCdEfGhIj-", "ZyXwVuTsRqP")
ACTORS = ("F01", "M01", "F02", "M02")
PODCAST_LABELS = dict(zip(EMOTIONS, "NAHS", strict=True))
OMG_LABELS = dict(zip(EMOTIONS, (4, 0, 3, 5), strict=True))


@dataclass(frozen=True)
class Spoken:
    """One spoken sentence; its wav is at 16 kHz."""

    text: str
    emotion: str
    path: Path

    def waveform(self, rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
        """Return the sound (N,) at a rate."""
        samples, _ = soundfile.read(self.path, dtype="float32")
        return samples if rate_hz == SAMPLE_RATE_HZ else resample(samples, SAMPLE_RATE_HZ, rate_hz)


def speak(root: Path) -> list[list[Spoken]]:
    """Return the utterances of each of four voices, all emotions in turn."""
    sentences = SentenceGrammar(SEED)
    voices = []
    jobs: list[SpeechJob] = []
    for voice in pretraining_voices(NUM_VOICES, SEED):
        spoken = []
        for number, text in enumerate(sentences.draw(PER_VOICE, 6, 12)):
            name, emotion = f"{voice.speaker}_{number:02d}", EMOTIONS[number % len(EMOTIONS)]
            jobs.append(SpeechJob(f"{name}.wav", text, deliver(voice, emotion, name, SEED)))
            spoken.append(Spoken(text, emotion, root / f"{name}.wav"))
        voices.append(spoken)
    speak_files(root, jobs, num_workers=1)
    return voices


def write_copies(root: Path) -> dict[str, Path]:
    """Write the four trees below ``root``; return what db.sh is to say, by its names."""
    voices = [iter(spoken) for spoken in speak(root / "spoken")]
    found = {
        "LRS3": write_lrs3(root, [list(islice(voice, 14)) for voice in voices[:3]]),
        "MSP_PODCAST": write_msp_podcast(root, [list(islice(voice, 12)) for voice in voices]),
        "MSP_IMPROV": write_msp_improv(root, [list(islice(voice, 10)) for voice in voices]),
        "OMG": write_omg(root, [list(islice(voice, 10)) for voice in voices[1:]]),
        "OMG_MEDIA": root / "videos",
    }
    shutil.rmtree(root / "spoken")
    return found


def write_lrs3(root: Path, talks: Sequence[Sequence[Spoken]]) -> Path:
    """Write seven clips of each talk; the first has eight sentences, which is above 15 s."""
    films: dict[str, tuple[str, np.ndarray]] = {}
    splits = ("pretrain", "pretrain", "trainval", "trainval", "trainval", "test", "test")
    for talk, spoken in zip(TALKS, talks, strict=True):
        clips = [spoken[:8], *([one] for one in spoken[8:])]
        for number, (split, sentences) in enumerate(zip(splits, clips, strict=True), start=1):
            films[f"{split}/{talk}/{number:05d}"] = _clip(sentences)
    any_film = write_film(root / "any.mp4", np.zeros(SAMPLE_RATE_HZ, np.float32))
    copy = lrs3_copy.write_copy(root, {name: text for name, (text, _) in films.items()}, any_film)
    for name, (_, waveform) in films.items():
        (copy / f"{name}.mp4").unlink()  # a link to the one film
        write_film(copy / f"{name}.mp4", waveform, picture=True)
    return copy


def _clip(sentences: Sequence[Spoken]) -> tuple[str, np.ndarray]:
    """Return text file and sound of a clip; a sentence's words are taken to be equally long."""
    parts: list[np.ndarray] = []
    words: list[tuple[str, float, float]] = []
    for sentence in sentences:
        start_s = sum(map(len, parts)) / SAMPLE_RATE_HZ
        parts += [sentence.waveform(), np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ), np.float32)]
        said = sentence.text.upper().rstrip(".").split()
        step_s = len(parts[-2]) / SAMPLE_RATE_HZ / len(said)
        for place, word in enumerate(said):
            times_s = (start_s + step_s * place, start_s + step_s * (place + 1))
            words.append((word, round(times_s[0], 2), round(times_s[1], 2)))
    text = " ".join(word for word, _, _ in words)
    return lrs3_copy.clip_text(text, words), np.concatenate(parts)


def write_msp_podcast(root: Path, speakers: Sequence[Sequence[Spoken]]) -> Path:
    """Write release 1.7: a sixth of each speaker is in Test1, one utterance has no speaker."""
    partitions = ("Train", "Train", "Train", "Validation", "Train", "Test1")
    rows, spoken = [], []
    for speaker, members in enumerate(speakers):
        for number, one in enumerate(members):
            known = "Unknown" if number % 9 == 8 else str(300 + speaker)
            name = msp_podcast_copy.name_of(len(rows))
            partition = partitions[number % len(partitions)]
            rows.append(msp_podcast_copy.Wav(name, PODCAST_LABELS[one.emotion], known, partition))
            spoken.append(one)
    copy = msp_podcast_copy.write_copy(root, rows)
    for row, one in zip(rows, spoken, strict=True):
        (copy / "Audios" / row.name).unlink()
        _write_wav(copy / "Audios" / row.name, one.waveform(), SAMPLE_RATE_HZ)
    msp_podcast_copy.write_speakers(copy, rows)
    return copy


def write_msp_improv(root: Path, actors: Sequence[Sequence[Spoken]]) -> Path:
    """Write ten utterances of each actor, at 48 kHz; half of them have their words."""
    spoken = {
        f"S{number % 20 + 1:02d}{PODCAST_LABELS[one.emotion]}-{actor}-{'PSTR'[number % 4]}-"
        f"FM{number + 1:02d}": one
        for actor, members in zip(ACTORS, actors, strict=True)
        for number, one in enumerate(members)
    }
    labels = {name: PODCAST_LABELS[one.emotion] for name, one in spoken.items()}
    copy = msp_improv_copy.write_copy(root, labels)
    for name, one in spoken.items():
        path = msp_improv_copy.wav_path(copy, name)
        path.unlink()
        _write_wav(path, one.waveform(48000), 48000)
    msp_improv_copy.write_words(copy, list(spoken)[::2])
    return copy


def write_omg(root: Path, links: Sequence[Sequence[Spoken]]) -> Path:
    """Write a link a split, two as whole videos and one cut, stereo at 44.1 kHz; and a dead one.

    Utterances of the whole videos begin 0.3 s before the one before them ends.
    """
    files = [name for name, *_ in omg_copy.SPLITS.values()]
    for number, (link, spoken, name) in enumerate(zip(LINKS, links, files, strict=True)):
        lines, parts, time_s = [], [], 0.0
        video = f"{number + 10:09x}_{number + 1}"
        for place, one in enumerate(spoken, start=1):
            waveform, utterance = one.waveform(), f"utterance_{place}.mp4"
            stop_s = time_s + len(waveform) / SAMPLE_RATE_HZ
            overlap_s = 0.3 if number != 1 and place > 1 else 0.0
            times = (f"{time_s - overlap_s:.2f}", f"{stop_s:.2f}")
            lines.append(omg_copy.row(link, *times, video, utterance, OMG_LABELS[one.emotion]))
            if number == 1:
                path = root / "videos" / video / utterance
                write_film(path, one.waveform(44100), 44100, channels=2)
            parts.append(waveform)
            time_s = stop_s
        if number != 1:
            write_film(root / "videos" / f"{link}.mp4", np.concatenate(parts), picture=True)
        dead = ("00000dead_1", f"utterance_{number + 1}.mp4")
        lines.append(omg_copy.row("DeadDeadDea", str(3 * number), str(3 * number + 2), *dead, 4))
        omg_copy.write_csv(root / "omg" / name, lines)
    return root / "omg"


def _write_wav(path: Path, waveform: np.ndarray, rate_hz: int) -> None:
    soundfile.write(path, waveform, rate_hz, subtype="PCM_16")
