"""MSP-IMPROV: actors in pairs improvise scenes that lead to a sentence (Busso et al. 2017).

======================  ==========  =====  ===  =====  =======  =====  ============
scenario                utterances  angry  sad  happy  neutral  other  no agreement
======================  ==========  =====  ===  =====  =======  =====  ============
P natural interaction   2,785       38     66   1,372  1,164    11     134
S other improvised      4,381       470    633  1,048  1,789    70     371
T target improvised     652         115    106  136    283      1      11
R target read           620         169    80   88     241      3      39
sum                     8,438       792    885  2,644  3,477    85     555
======================  ==========  =====  ===  =====  =======  =====  ============

Six sessions, each with a woman and a man of its own: 12 speakers, 9.5 h, English. Sessions
1 to 4 have 5,311 utterances, 5 has 1,505 and 6 has 1,622; four classes have 7,798.

To get it: an academic institution fills in the form at
https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html. There is one
release. Licence: that agreement; nothing of the corpus is passed on with this code.

Traps, and what is done here:

* The label file is called Evalution.txt, names utterances by another prefix, and can be
  read by the first lines of its blocks alone (``msp_improv_labels.py``).
* Two layouts are about, with and without a folder Audio (``msp_improv_release.py``).
* The emotion in an id is what the scene was to evoke. The emotion here is the raters'.
* Some transcripts are missing or empty: those known stand in ``words.tsv`` of each set.
* Wavs are at 48 or 44.1 kHz: the next stage of a recipe resamples whatever it is given.
* A lost folder shortens the corpus without anybody noticing (``msp_improv_counts.py``).

Source: [P2V] IV-A, Table III (12 speakers, 8k utterances, 9.5 h).
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.corpora.msp_improv_counts import HOURS, count, expected_counts
from espnet2_ext.corpora.msp_improv_labels import EMOTIONS, ImprovId
from espnet2_ext.corpora.msp_improv_release import Release, find_release, read_release
from espnet2_ext.corpora.pretraining_sets import split_for_pretraining, write_pretraining_sets
from espnet2_ext.corpora.self_check import self_check
from espnet2_ext.data.check_audio import read_header
from espnet2_ext.data.utterance import Utterance

logger = logging.getLogger(__name__)

CORPUS = "msp_improv"
LANGUAGE = "eng"


@dataclass(frozen=True)
class Selection:
    """The utterances to use, the reason for each file that is not, what is wrong, and hours."""

    kept: list[ImprovId]
    rejected: dict[str, str]
    faults: dict[str, dict[str, str]]
    hours: float


def prepare(
    root: str | Path,
    out_data: str | Path,
    *,
    num_valid: int = 500,
    num_test: int = 500,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write training, validation and test sets of MSP-IMPROV and return the utterances.

    Beside the tables, ``msp_improv_train`` has ``rejected.tsv`` with all that was left out,
    and each set has ``words.tsv`` unless every utterance of the corpus has a transcript.

    Args:
        root: the folder of the label file and the sessions, or up to two above it.
        out_data: gets ``msp_improv_train``, ``_valid`` and ``_test``.
        num_valid: utterances drawn for validation.
        num_test: utterances drawn for the test.
        seed: of both draws.
        allow_incomplete: warn of what is missing or wrong instead of raising.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: no copy at ``root``, malformed labels, a copy that is not whole, or too
            few utterances for the sets; one line with place and remedy. Nothing is
            written then.
    """
    release = read_release(find_release(root))
    for reason, number in sorted(release.left_out.items()):
        logger.info("%s: passed over: %d %s", release.root, number, reason)
    selection = select(release)
    self_check(
        release.root,
        "MSP-IMPROV",
        expected_counts(),
        count((key, release.labels[key]) for key in selection.kept),
        selection.faults,
        allow_incomplete=allow_incomplete,
    )
    utterances = [_utterance(release, key) for key in selection.kept]
    sets = split_for_pretraining(utterances, num_valid=num_valid, num_test=num_test, seed=seed)
    logger.info(
        f"{release.root}: {len(utterances)} utterances, {selection.hours:.2f} h (whole corpus: "
        f"{HOURS} h)"
    )
    words = {key.utterance_id: release.words[key] for key in selection.kept if key in release.words}
    return write_pretraining_sets(out_data, CORPUS, sets, words, selection.rejected)


def select(release: Release) -> Selection:
    """Return which utterances have a label and a readable wav, and why others cannot be used."""
    kept, hours = [], 0.0
    missing: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for key in sorted(release.labels, key=lambda key: key.utterance_id):
        if key not in release.wavs:
            missing[key.utterance_id] = f"no wav in {key.folder}"
            continue
        # The next stage of a recipe decodes every file and finds what no header shows.
        duration_s, fault = read_header(release.wavs[key])
        if fault:
            unreadable[key.utterance_id] = fault
        else:
            kept.append(key)
            hours += duration_s / 3600
    unlabelled = {
        key.utterance_id: "no label" for key in sorted(release.wavs.keys() - release.labels.keys())
    }
    faults = {
        "labels without a wav": missing,
        "wavs unreadable": unreadable,
        "wavs without a label": unlabelled,
        "wavs whose folders contradict their id": release.misplaced,
        "wavs of another name": release.odd_files,
    }
    rejected = {name: reason for files in faults.values() for name, reason in files.items()}
    return Selection(kept, rejected, faults, hours)


def _utterance(release: Release, key: ImprovId) -> Utterance:
    """Return an utterance, whose scene counts as the dialogue: its turns are of one scene."""
    return Utterance(
        utterance_id=key.utterance_id,
        speaker=key.speaker,
        wav=release.wavs[key],
        emotion=EMOTIONS[release.labels[key]],
        session=f"session{key.session}",
        dialogue=f"session{key.session}_{key.scene}",
        language=LANGUAGE,
    )
