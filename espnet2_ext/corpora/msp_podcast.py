"""MSP-PODCAST: emotional turns cut from podcasts, labelled by many raters (Lotfian and Busso).

==============  ==========  =====  =====================================================
release         utterances  hours  partitions
==============  ==========  =====  =====================================================
1.7             about 62k   100    [P2V] Table III, 1,285 speakers; no exact counts known
1.8             73,042      114    Development 7,800, Test1 15,326, Train and Test2
1.11            151,654     238    84,030 / 19,815 / 30,647 / 14,815 / 2,347
1.12            207,136     324    112,712 / 31,961 / 44,395 / 14,868 / 3,200
Odyssey 2024    119,421            84,260 / 31,961 / Test3 3,200
2.0             267,905     409    Development 34,399; 264,705 with labels
==============  ==========  =====  =====================================================

Partitions: Train / Development / Test1 / Test2 / Test3. [P2V] does not name its release;
its size is that of 1.7. Utterances last 2 to 12 s, nearly all at 16 kHz.

To get it: an academic institution signs the agreement at
https://www.lab-msp.com/MSP/MSP-Podcast.html (formerly ecs.utdallas.edu). Licence: that
agreement; nothing of the corpus is passed on with this code.

Traps, and what is done here:

* A quarter of the names have a third number (MSP-PODCAST_0417_0032_0001.wav).
* The names of speakers are not in those of wavs, and some speakers were never identified:
  what becomes of them is said and counted (``msp_podcast_select.py``).
* Speakers of Test1 to Test3 recur among the three. Whether the tests are used is said;
  by default they are kept out, so that recognition may be tested on them later.
* Test3 has no labels; its emotion is ``unlabelled``. Label X is ``no_agreement``.
* Validation became Development, ``concensus`` became ``consensus``, folders change their
  names between releases (``msp_podcast_labels.py``, ``msp_podcast_release.py``).
* Releases drop files: labels of one beside wavs of another are refused, and every
  published count is compared (``msp_podcast_counts.py``).
* MSP-PODCAST_1023_0235.wav is stereo at 44.1 kHz: the next stage of a recipe mixes and
  resamples whatever it is given, and decodes every file.

Source: [P2V] IV-A, Table III.
"""

import logging
from pathlib import Path

from espnet2_ext.corpora.msp_podcast_counts import COUNTS, HOURS, check_release, release_of
from espnet2_ext.corpora.msp_podcast_release import (
    Release,
    find_release,
    read_release,
    read_transcripts,
)
from espnet2_ext.corpora.msp_podcast_select import (
    TEST_CHOICES,
    UNKNOWN_SPEAKERS,
    Selection,
    select,
)
from espnet2_ext.corpora.pretraining_sets import split_for_pretraining, write_pretraining_sets
from espnet2_ext.corpora.self_check import self_check
from espnet2_ext.data.utterance import Utterance

logger = logging.getLogger(__name__)

CORPUS = "msp_podcast"


def prepare(
    root: str | Path,
    out_data: str | Path,
    *,
    release: str | None = None,
    tests: str = "out",
    unknown_speakers: str = "alone",
    num_valid: int = 500,
    num_test: int = 500,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write training, validation and test sets of MSP-PODCAST and return the utterances.

    Beside the tables, ``msp_podcast_train`` has ``rejected.tsv`` with all that was left out,
    and each set has ``words.tsv`` where transcripts are there, but not of every utterance.

    Args:
        root: the folder of the release, or up to two above it.
        out_data: gets ``msp_podcast_train``, ``_valid`` and ``_test``.
        release: such as ``1.11``, or ``odyssey``; None to tell by name or counts.
        tests: ``out`` leaves the partitions Test1 to Test3 out of all sets, ``in`` uses them
            like any other. The set ``msp_podcast_test`` is drawn here and is none of them.
        unknown_speakers: ``alone``, ``podcast`` or ``drop``; see ``msp_podcast_select.py``.
        num_valid: utterances drawn for validation.
        num_test: utterances drawn for the test.
        seed: of both draws.
        allow_incomplete: warn of what is missing or wrong instead of raising.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: an unknown option, no release at ``root``, a malformed list, or a copy
            that is not whole; one line with place and remedy. Nothing is written then.
    """
    if tests not in TEST_CHOICES:
        raise ValueError(f"tests is {tests!r}; give {' or '.join(TEST_CHOICES)}")
    if unknown_speakers not in UNKNOWN_SPEAKERS:
        raise ValueError(
            f"unknown_speakers is {unknown_speakers!r}; give {', '.join(UNKNOWN_SPEAKERS)}"
        )
    if release is not None:
        check_release(release)
    copy = read_release(find_release(root))
    labelled = sum(row.label is not None for row in copy.rows.values())
    number = release or release_of(copy.root, len(copy.sizes), labelled)
    selection = select(copy, number, tests=tests, unknown_speakers=unknown_speakers)
    _log_choices(copy, number, selection, tests=tests, unknown_speakers=unknown_speakers)
    self_check(
        copy.root,
        f"MSP-PODCAST {number}",
        COUNTS.get(number, {}),
        selection.found,
        selection.faults,
        allow_incomplete=allow_incomplete,
    )
    sets = split_for_pretraining(selection.kept, num_valid=num_valid, num_test=num_test, seed=seed)
    texts = read_transcripts(copy.root, list(selection.names.values()))
    words = {key: texts[name] for key, name in selection.names.items() if name in texts}
    return write_pretraining_sets(out_data, CORPUS, sets, words, selection.rejected)


def _log_choices(
    copy: Release, number: str, selection: Selection, *, tests: str, unknown_speakers: str
) -> None:
    """Log the release, what was passed over, and what was chosen with its numbers."""
    for reason, count in sorted(copy.left_out.items()):
        logger.info("%s: passed over: %d %s", copy.root, count, reason)
    if number not in COUNTS:
        logger.warning(
            "%s: no counts of release %s are published; only wavs and lists are compared",
            *(copy.root, number),
        )
    found = selection.found
    in_tests = sum(found[name] for name in ("Test1", "Test2", "Test3"))
    logger.info("%s: tests %s: %d utterances of Test1 to Test3", copy.root, tests, in_tests)
    logger.info(
        "%s: unknown speakers %s: %d utterances of the whole release",
        *(copy.root, unknown_speakers, found["unknown speakers"]),
    )
    logger.info(
        "%s: %d of %d utterances used, %.2f h by the sizes of files (whole release: %s h)",
        *(copy.root, len(selection.kept), found["utterances"], selection.hours),
        HOURS.get(number, "unknown"),
    )
