"""IEMOCAP: dialogues of ten actors in five sessions, labelled turn by turn (Busso et al. 2008).

Each session has a woman and a man of its own, who improvise and read scripts. At
least three raters labelled each of the 10,039 turns (12.4 h).

====================  =======  =====  =====  =======  =====  ======  =====================
four classes          all      Ses01  Ses02  Ses03    Ses04  Ses05   labels
====================  =======  =====  =====  =======  =====  ======  =====================
angry                 1,103    229    137    240      327    170     ang
happy                 1,636    278    327    286      303    442     hap 595, exc 1,041
neutral               1,708    384    362    320      258    384     neu
sad                   1,084    194    197    305      143    245     sad
sum                   5,531    1,085  1,023  1,151    1,031  1,241   6.99 h
====================  =======  =====  =====  =======  =====  ======  =====================

Left out with four classes: xxx (raters disagree) 2,507, fru 1,849, sur 107, fea 40,
oth 3, dis 2. With ten classes all but xxx are kept (7,532; 9.54 h) and exc is excited,
apart from happy. The most frequent of the four classes alone gives an accuracy of 30.9 %.

To get it: sign the release form at https://sail.usc.edu/iemocap/ and fetch
``IEMOCAP_full_release.tar.gz`` (17 GB) or ``IEMOCAP_full_release_withoutVideos.tar.gz``.
The wavs are 16 kHz. Licence: the release form of the University of Southern California;
nothing of the corpus is passed on with this code.

Traps, and what is done here:

* Who speaks is the last letter of a turn: Ses01F_impro01_M000 is spoken by Ses01M. By
  the first letter half of all utterances would get the wrong speaker. Five dialogues
  end in a or b (Ses03M_impro05a), so the letter has no fixed place in the name.
* Files beginning with ``._`` are no audio or text (``iemocap_release.py``).
* Turns XX0 are transcribed only (``iemocap_labels.py``).
* A release can lack files without anybody noticing (``iemocap_counts.py``).

Source: [P2V] IV-A and IV-C1 (5,531 utterances, happy and excited merged, five sessions).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.corpora.iemocap_counts import CLASSES, EXPECTED_HOURS, Faults, self_check
from espnet2_ext.corpora.iemocap_labels import Turn
from espnet2_ext.corpora.iemocap_release import Release, find_release, read_release
from espnet2_ext.data.check_audio import read_header
from espnet2_ext.data.data_directory import write_data_directory
from espnet2_ext.data.rejected import write_rejected
from espnet2_ext.data.utterance import Utterance

logger = logging.getLogger(__name__)

LANGUAGE = "eng"


@dataclass(frozen=True)
class Selection:
    """The turns to keep, the reason for each one that is not, and what is wrong."""

    kept: list[Turn]
    rejected: dict[str, str]
    faults: Faults
    hours: float


def prepare(
    root: str | Path,
    out_data: str | Path,
    *,
    classes: int = 4,
    allow_incomplete: bool = False,
    unpack_dir: str | Path = "downloads",
) -> dict[str, list[Utterance]]:
    """Write the data directory of IEMOCAP and return its utterances.

    ``rejected.tsv`` lists every labelled turn and every wav that is left out.

    Args:
        root: IEMOCAP_full_release, the folder above it, or the archive.
        out_data: gets the directory ``iemocap``, or ``iemocap_10`` for ten classes.
        classes: 4 for neutral, angry, happy (with excited) and sad; 10 for all labels.
        allow_incomplete: warn of what is missing instead of raising.
        unpack_dir: where the wanted part of an archive is unpacked.

    Returns:
        The utterances by name of the set, which is one; sorted by id.

    Raises:
        ValueError: no release at ``root``, a damaged file, or a count that is not that
            of the release; one line with the place and the remedy. Nothing is written then.
    """
    if classes not in CLASSES:
        raise ValueError(f"classes is {classes}; give 4 (happy with excited) or 10 (all labels)")
    release = read_release(find_release(root, unpack_dir))
    for reason, number in sorted(release.left_out.items()):
        logger.info("%s: left out: %d %s", release.root, number, reason)
    selection = select(release, CLASSES[classes])
    self_check(
        release.root,
        release.turns.values(),
        selection.kept,
        selection.faults,
        classes=classes,
        allow_incomplete=allow_incomplete,
    )
    if not selection.kept:
        raise ValueError(f"{release.root}: no labelled turn has a wav; unpack the release again")
    name = "iemocap" if classes == 4 else f"iemocap_{classes}"
    utterances = _utterances(release, selection.kept, CLASSES[classes])
    path = Path(out_data) / name
    write_data_directory(path, utterances)
    write_rejected(path, selection.rejected)
    logger.info(
        f"{path}: {len(utterances)} utterances, {selection.hours:.2f} h (of the whole corpus: "
        f"{EXPECTED_HOURS[classes]} h); {len(selection.rejected)} turns left out, with the "
        "reasons in rejected.tsv"
    )
    return {name: utterances}


def select(release: Release, emotions: Mapping[str, str]) -> Selection:
    """Return which turns have one of the labels in ``emotions`` and a readable wav.

    A wav without a label is listed but no fault: all labels being there, it is a file
    that does not belong to the release.
    """
    kept, missing, unreadable = [], [], []
    hours = 0.0
    rejected: dict[str, str] = {}
    for turn in sorted(release.turns.values(), key=lambda turn: turn.utterance_id):
        if turn.wav not in release.wavs:
            missing.append(turn.wav)
            rejected[turn.utterance_id] = f"label {turn.label}; no {turn.wav}"
        elif turn.label not in emotions:
            why = "raters disagree" if turn.label == "xxx" else "not among the classes"
            rejected[turn.utterance_id] = f"label {turn.label}: {why}"
        else:
            # The next stage of a recipe decodes every file and finds what no header shows.
            duration_s, fault = read_header(release.root / turn.wav)
            if fault:
                unreadable.append(f"{turn.wav} ({fault})")
                rejected[turn.utterance_id] = f"{turn.wav}: {fault}"
            else:
                kept.append(turn)
                hours += duration_s / 3600
    extra = sorted(release.wavs - {turn.wav for turn in release.turns.values()})
    rejected.update((wav, "wav without a label") for wav in extra)
    if extra:
        logger.warning("%s: %d wavs without a label, first %s", release.root, len(extra), extra[0])
    without_words = sorted(release.turns.keys() - release.texts.keys())
    faults = Faults(list(release.absent_folders), missing, unreadable, without_words)
    return Selection(kept, rejected, faults, hours)


def _utterances(
    release: Release, turns: list[Turn], emotions: Mapping[str, str]
) -> list[Utterance]:
    """Return the utterances of the turns; without text where some have no words.

    A data directory has a text for every utterance or for none.
    """
    silent = [turn.turn_id for turn in turns if turn.turn_id not in release.texts]
    if silent:
        logger.warning(
            "%s: the table text is left out, %d turns have no words, first %s",
            release.root,
            len(silent),
            silent[0],
        )
    return [
        Utterance(
            utterance_id=turn.utterance_id,
            speaker=turn.speaker,
            wav=str(release.root / turn.wav),
            text=None if silent else release.texts[turn.turn_id],
            emotion=emotions[turn.label],
            session=turn.session,
            dialogue=turn.dialogue,
            language=LANGUAGE,
        )
        for turn in turns
    ]
