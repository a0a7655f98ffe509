"""RAVDESS, its speech: 24 actors say two sentences in eight emotions (Livingstone, Russo 2018).

============  ===========  ============  ===========================================
emotion       utterances   four classes  said
============  ===========  ============  ===========================================
neutral       96           yes           with normal intensity
angry         192          yes           with normal and with strong intensity,
happy         192          yes           as all that follow
sad           192          yes           a sentence twice at each intensity
calm          192          no
disgusted     192          no
fearful       192          no
surprised     192          no
sum           1,440        672           1.48 h, 48 kHz
============  ===========  ============  ===========================================

Odd actors are men, even ones women; each has 60 recordings. All say the same two sentences.

To get it: ``python -m espnet2_ext.bin.download_corpus --corpus ravdess``, or
``Audio_Speech_Actors_01-24.zip`` (208 MB) of https://zenodo.org/record/1188976.
Licence: CC BY-NC-SA 4.0, other licences from the authors.

Traps, and what is done here:

* The actor is the last number of a name: ids are ``Actor_<number>-<name>``.
* Five recordings are stereo, and all have 48 kHz: everything becomes 16 kHz mono later.
* Actor_07 has a recording of happy under two names, 03-01-03-01-02-01-07 and
  03-01-03-01-02-02-07: the second is left out where it has the same bytes, with the reason in
  ``rejected.tsv``. So 1,439 of 1,440 utterances are written, or 671 of four classes. Any other
  recording under two names is a fault of the copy.
* Copies hold songs, videos or the tree twice (``ravdess_release.py``).

Source: https://doi.org/10.1371/journal.pone.0196391 and the page of the archive.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from espnet2_ext.corpora.ravdess_names import (
    ACTORS,
    EMOTIONS,
    STATEMENTS,
    RavdessName,
    expected_names,
)
from espnet2_ext.corpora.ravdess_release import RavdessCopy, find_repeated, read_copy
from espnet2_ext.corpora.self_check import Faults, self_check
from espnet2_ext.corpora.wav_survey import Survey, survey_wavs
from espnet2_ext.data.data_directory import write_data_directory
from espnet2_ext.data.rejected import write_rejected
from espnet2_ext.data.table import write_table
from espnet2_ext.data.utterance import Utterance

logger = logging.getLogger(__name__)

LANGUAGE = "eng"
FOUR = ("neutral", "angry", "happy", "sad")
CLASSES = {4: FOUR, 8: tuple(EMOTIONS.values())}
KNOWN_REPEAT = "03-01-03-01-02-02-07"

_RATE_HZ = 48000


def prepare(
    root: str | Path, out_data: str | Path, *, classes: int = 4, allow_incomplete: bool = False
) -> list[Utterance]:
    """Write the data directory of RAVDESS and return its utterances, sorted by id.

    Beside the tables it gets ``spk2gender`` and ``rejected.tsv``.

    Args:
        root: the folder of the actors' folders, or up to three above it.
        out_data: gets the directory ``ravdess``, or ``ravdess_8`` for eight classes.
        classes: 4 for neutral, angry, happy and sad; 8 for all.
        allow_incomplete: warn of what is missing or wrong instead of raising.

    Raises:
        ValueError: no copy at ``root``, or one that is not whole; one line with the place
            and the remedy. Nothing is written then.
    """
    if classes not in CLASSES:
        raise ValueError(f"classes is {classes}; give 4 or 8 (all)")
    copy = read_copy(root)
    for reason, number in sorted(copy.left_out.items()):
        logger.info("%s: passed over: %d %s", copy.root, number, reason)
    ids = {str(name): path for name, path in copy.wavs.items()}
    survey = survey_wavs(copy.root, ids, dict.fromkeys(ids, _RATE_HZ))
    readable = {n: path for n, path in copy.wavs.items() if path not in survey.unreadable}
    repeated = find_repeated(copy.root, readable)
    faults = _faults(copy, survey, repeated)
    self_check(
        copy.root, "RAVDESS", EXPECTED, tally(readable), faults, allow_incomplete=allow_incomplete
    )
    kept, rejected = _select(copy, survey, repeated, CLASSES[classes])
    if not kept:
        raise ValueError(f"{copy.root}: no wav of {', '.join(CLASSES[classes])}; get it again")
    path = Path(out_data) / ("ravdess" if classes == 4 else f"ravdess_{classes}")
    utterances = [_utterance(copy, name) for name in kept]
    write_data_directory(path, utterances)
    write_table(path / "spk2gender", {name.speaker: name.gender for name in kept})
    write_rejected(path, rejected)
    logger.info(
        f"{path}: {len(kept)} of {len(copy.wavs)} utterances; the copy has {survey.hours:.2f} h "
        "(whole: 1.48 h); what is left out stands in rejected.tsv with the reasons"
    )
    return utterances


def _faults(
    copy: RavdessCopy, survey: Survey, repeated: Mapping[RavdessName, RavdessName]
) -> Faults:
    """Return what is wrong with the copy in detail."""
    unknown = {n: first for n, first in repeated.items() if str(n) != KNOWN_REPEAT}
    return {
        "wavs missing": copy.missing,
        "wavs unreadable": survey.unreadable,
        "wavs too many": copy.extra,
        "wavs with the bytes of another": {
            str(name): f"the same as {first}" for name, first in unknown.items()
        },
    }


def tally(names: Iterable[RavdessName]) -> Counter[str]:
    """Return the numbers of utterances, and of those by emotion and by actor."""
    counts: Counter[str] = Counter()
    for name in names:
        counts.update(["utterances", name.emotion, name.speaker])
    return counts


EXPECTED: dict[str, int] = {
    "utterances": 1440,
    **{emotion: 96 if emotion == "neutral" else 192 for emotion in EMOTIONS.values()},
    **{f"Actor_{number}": 60 for number in ACTORS},
}
"""What a whole copy holds, by the names of `tally`."""


def _select(
    copy: RavdessCopy,
    survey: Survey,
    repeated: Mapping[RavdessName, RavdessName],
    emotions: Iterable[str],
) -> tuple[list[RavdessName], dict[str, str]]:
    """Return the recordings to keep and, by id or path, why others are left out."""
    kept = []
    rejected = dict(copy.passed_over) | copy.extra
    wanted = set(emotions)
    for name in expected_names():
        path = copy.wavs.get(name)
        if path is None:
            rejected[name.utterance_id] = f"no wav in {copy.root}"
        elif path in survey.unreadable:
            rejected[name.utterance_id] = f"{path}: {survey.unreadable[path]}"
        elif name in repeated:
            rejected[name.utterance_id] = f"the same bytes as {repeated[name].utterance_id}"
        elif name.emotion not in wanted:
            rejected[name.utterance_id] = f"{name.emotion}: not among the classes"
        else:
            kept.append(name)
    return kept, rejected


def _utterance(copy: RavdessCopy, name: RavdessName) -> Utterance:
    return Utterance(
        utterance_id=name.utterance_id,
        speaker=name.speaker,
        wav=str(copy.root / copy.wavs[name]),
        text=STATEMENTS[name.statement],
        emotion=name.emotion,
        language=LANGUAGE,
    )
