"""Which utterances of a copy of ESD can be used, with their words, and why others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.corpora.esd_counts import Faults
from espnet2_ext.corpora.esd_ids import EsdId, parse_id
from espnet2_ext.corpora.esd_release import Release
from espnet2_ext.corpora.esd_text import Transcript, borrow_words
from espnet2_ext.data.check_audio import read_header


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
        # The next stage of a recipe decodes every file and finds what no header shows.
        duration_s, fault = read_header(f"{release.root}/{release.wavs[key]}")
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
