"""Miniature copies of the four pretraining corpora, spoken by eSpeak NG, in the real containers."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

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


class Spoken(NamedTuple):
    """One spoken sentence; the waveform (N,) is at 16 kHz."""

    text: str
    emotion: str
    waveform: np.ndarray


def speak(root: Path) -> Iterator[Iterator[Spoken]]:
    """Yield the utterances of each of four voices, all emotions in turn."""
    sentences = SentenceGrammar(SEED)
    for voice in pretraining_voices(NUM_VOICES, SEED):
        emotions = [EMOTIONS[number % len(EMOTIONS)] for number in range(PER_VOICE)]
        names = [f"{voice.speaker}_{number:02d}" for number in range(PER_VOICE)]
        jobs = [
            SpeechJob(f"{name}.wav", text, deliver(voice, emotion, name, SEED))
            for name, text, emotion in zip(
                names, sentences.draw(PER_VOICE, 6, 12), emotions, strict=True
            )
        ]
        speak_files(root, jobs, num_workers=1)
        waveforms = [soundfile.read(root / job.path, dtype="float32")[0] for job in jobs]
        yield map(Spoken, (job.text for job in jobs), emotions, waveforms)


def write_copies(root: Path) -> dict[str, Path]:
    """Write the four trees below ``root``; return what db.sh is to say, by its names."""
    voices = [*speak(root / "spoken")]
    return {
        "LRS3": write_lrs3(root, [list(islice(voice, 14)) for voice in voices[:3]]),
        "MSP_PODCAST": write_msp_podcast(root, [list(islice(voice, 12)) for voice in voices]),
        "MSP_IMPROV": write_msp_improv(root, [list(islice(voice, 10)) for voice in voices]),
        "OMG": write_omg(root, [list(islice(voice, 10)) for voice in voices[1:]]),
        "OMG_MEDIA": root / "videos",
    }


def write_lrs3(root: Path, talks: Sequence[Sequence[Spoken]]) -> Path:
    """Write seven clips of each talk; the first has eight sentences, which is above 15 s."""
    splits = ("pretrain", "pretrain", "trainval", "trainval", "trainval", "test", "test")
    for talk, spoken in zip(TALKS, talks, strict=True):
        clips = [spoken[:8], *([one] for one in spoken[8:])]
        for number, (split, sentences) in enumerate(zip(splits, clips, strict=True), start=1):
            # A sentence's words are taken to be equally long.
            parts: list[np.ndarray] = []
            words: list[tuple[str, float, float]] = []
            for sentence in sentences:
                said = sentence.text.upper().rstrip(".").split()
                start_s = sum(map(len, parts)) / SAMPLE_RATE_HZ
                stop_s = start_s + len(sentence.waveform) / SAMPLE_RATE_HZ
                times_s = np.linspace(start_s, stop_s, len(said) + 1).round(2).tolist()
                words += zip(said, times_s, times_s[1:], strict=False)
                parts += [sentence.waveform, np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ), np.float32)]
            path = root / f"lrs3/{split}/{talk}/{number:05d}.mp4"
            write_film(path, np.concatenate(parts), picture=True)
            text = lrs3_copy.clip_text(" ".join(word for word, *_ in words), words)
            path.with_suffix(".txt").write_text(text)
    return root / "lrs3"


def write_msp_podcast(root: Path, speakers: Sequence[Sequence[Spoken]]) -> Path:
    """Write release 1.7: a sixth of each speaker is in Test1, one utterance has no speaker."""
    partitions = ("Train", "Train", "Train", "Validation", "Train", "Test1")
    spoken = {}
    for speaker, members in enumerate(speakers):
        for number, one in enumerate(members):
            known = "Unknown" if number % 9 == 8 else str(300 + speaker)
            name, label = msp_podcast_copy.name_of(len(spoken)), PODCAST_LABELS[one.emotion]
            row = msp_podcast_copy.Wav(name, label, known, partitions[number % len(partitions)])
            spoken[row] = one.waveform
    copy = msp_podcast_copy.write_copy(root, [*spoken])
    for row, waveform in spoken.items():
        write_wav(copy / "Audios" / row.name, waveform, SAMPLE_RATE_HZ)
    msp_podcast_copy.write_speakers(copy, [*spoken])
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
        write_wav(msp_improv_copy.wav_path(copy, name), one.waveform, 48000)
    msp_improv_copy.write_words(copy, list(spoken)[::2])
    return copy


def write_omg(root: Path, links: Sequence[Sequence[Spoken]]) -> Path:
    """Write a video a split, whose utterances follow each other, and one that is gone."""
    files = [name for name, *_ in omg_copy.SPLITS.values()]
    for number, (link, spoken, name) in enumerate(zip(LINKS, links, files, strict=True)):
        stops_s = np.cumsum([0, *(len(one.waveform) for one in spoken)]) / SAMPLE_RATE_HZ
        dead = (f"{3 * number}", f"{3 * number + 2}", "00000dead_1", f"utterance_{number + 1}.mp4")
        lines = [omg_copy.row("DeadDeadDea", *dead, 4)]
        for place, one in enumerate(spoken):
            times, video = stops_s[place : place + 2], f"{number + 10:09x}_{number + 1}"
            label, utterance = OMG_LABELS[one.emotion], f"utterance_{place + 1}.mp4"
            lines.append(omg_copy.row(link, *(f"{t:.2f}" for t in times), video, utterance, label))
        omg_copy.write_csv(root / "omg" / name, lines)
        waveform = np.concatenate([one.waveform for one in spoken])
        write_film(root / "videos" / f"{link}.mp4", waveform, picture=True)
    return root / "omg"


def write_wav(path: Path, waveform: np.ndarray, rate_hz: int) -> None:
    """Write a wav at a rate in place of the link that stands there."""
    path.unlink()
    if rate_hz != SAMPLE_RATE_HZ:
        waveform = resample(waveform, SAMPLE_RATE_HZ, rate_hz)
    soundfile.write(path, waveform, rate_hz, subtype="PCM_16")
