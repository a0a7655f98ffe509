"""Which utterances of a copy of ESD can be used, with their words, and why others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from espnet2_ext.corpora.esd_counts import Faults
from espnet2_ext.corpora.esd_ids import EsdId, parse_id
from espnet2_ext.corpora.esd_release import Release
from espnet2_ext.corpora.esd_text import Transcript, borrow_words


@dataclass(frozen=True)
class Selection:
    """What can be used of a copy, and what cannot.

    Attributes:
        kept: utterances with a readable wav, in the order expected.
        words: of all of them but for ``faults.without_words``.
        rejected: ``(split, reason)`` of every utterance and every surplus wav left out, the
            wav by its path; where its name tells no split, it is entered under train.
        faults: what is wrong.
        hours: of speech in ``kept``.
    """

    kept: list[EsdId]
    words: Transcript
    rejected: dict[str, tuple[str, str]]
    faults: Faults
    hours: float


def select(release: Release, expected: Sequence[EsdId]) -> Selection:
    """Return which of the expected utterances have a readable wav, and their words."""
    kept, missing = [], []
    unreadable: dict[str, str] = {}
    rejected: dict[str, tuple[str, str]] = {}
    hours = 0.0
    for key in expected:
        if key not in release.wavs:
            missing.append(str(key))
            rejected[key.utterance_id] = (key.split, f"no wav in {release.root}")
            continue
        duration_s, fault = _read_header(f"{release.root}/{release.wavs[key]}")
        if fault:
            unreadable[release.wavs[key]] = fault
            rejected[key.utterance_id] = (key.split, f"{release.wavs[key]}: {fault}")
        else:
            kept.append(key)
            hours += duration_s / 3600
    for path, reason in {**release.extra, **release.misplaced}.items():
        named = parse_id(Path(path).stem)
        rejected[path] = (named.split if named else "train", reason)
    words = Transcript()
    for transcript in release.transcripts.values():
        words.texts.update(transcript.texts)
        words.repairs.update(transcript.repairs)
        words.left_out.update(transcript.left_out)
    without = [key.utterance_id for key in borrow_words(words, kept)]
    faults = Faults(release.absent, missing, release.extra, unreadable, release.misplaced, without)
    return Selection(kept, words, rejected, faults, hours)


def _read_header(path: str) -> tuple[float, str | None]:
    """Return the seconds that a wav's header promises, and what is wrong with it if anything.

    The next stage of a recipe decodes every file and finds what no header shows.
    """
    try:
        with soundfile.SoundFile(path) as stream:  # half the time of soundfile.info
            num_samples, rate_hz = stream.frames, stream.samplerate
    except RuntimeError as error:
        return 0.0, f"not readable as audio: {' '.join(str(error).split())}"
    return num_samples / rate_hz, None if num_samples else "holds no samples"
