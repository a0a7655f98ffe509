"""EmoV-DB: four actors read CMU ARCTIC sentences in five emotions (Adigwe et al. 2018).

=========  ======  =====  =========  =======  ======  ================================
speaker    amused  angry  disgusted  neutral  sleepy  different sentences
=========  ======  =====  =========  =======  ======  ================================
bea (f)    296     303    333        355      497     44.1 kHz
jenie (f)  222     496    189        417      466     16 kHz
josh (m)   296     0      0          302      263     16 kHz
sam (m)    501     468    497        492      494     16 kHz
=========  ======  =====  =========  =======  ======  ================================

Six sentences were said twice: 6,893 files, 9.48 h. The corpus has no split; ours is by the
number of the sentence, the same in all emotions: emov_db_test takes 10, 20, 30 ...,
emov_db_valid 5, 25, 45 ..., emov_db_train the rest.

Pairs go from neutral to amused, angry, disgusted and sleepy, where the speaker said the
sentence in both; josh has amused and sleepy alone. There is no happy and no sad.

To get it: openslr.org/115, an archive for each speaker and emotion, such as
``bea_Amused.tar.gz``, which `open_emov_db` downloads. Licence: LICENSE.md of
github.com/numediart/EmoV-DB, non-commercial purposes; nothing of it is passed on here.

Traps, and what is done here:

* Two layouts are about, and only folders say who speaks (``emov_db_release.py``).
* Speaker, emotion and sentence together are not unique; ranges in names are written in two
  ways, emotions with small or capital letters (``emov_db_names.py``).
* The README of the corpus lists 7,000 files, the archives hold 6,893.
* Sentences are those of CMU ARCTIC, but their words are not in the corpus: give
  ``cmuarctic.data`` (``emov_db_text.py``), which the download brings along.
* Amused and sleepy speech begins with laughs and yawns, which no text has: word error rates
  and durations count them.

Source: ours; [P2V] does not use this corpus.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from espnet2_ext.corpora.emov_db_names import (
    EMOTIONS,
    EXPECTED,
    GENDERS,
    RATES_HZ,
    EmovName,
)
from espnet2_ext.corpora.emov_db_release import Release, find_release, read_release
from espnet2_ext.corpora.emov_db_text import find_prompts, read_prompts
from espnet2_ext.corpora.esd_pairs import check_targets, make_pairs
from espnet2_ext.corpora.mini_emo_pairs import PairTables, write_pairs
from espnet2_ext.corpora.self_check import Faults, self_check
from espnet2_ext.corpora.wav_survey import Survey, survey_wavs
from espnet2_ext.data.data_directory import write_data_directory
from espnet2_ext.data.rejected import write_rejected
from espnet2_ext.data.table import write_table
from espnet2_ext.data.utterance import Utterance

logger = logging.getLogger(__name__)

SETS = ("emov_db_train", "emov_db_valid", "emov_db_test")
PAIRED = SETS[1:]
DEFAULT_TARGETS = tuple(emotion for emotion in EMOTIONS.values() if emotion != "neutral")
LANGUAGE = "eng"


def set_of(sentence: int) -> str:
    """Return the name of the set that a sentence belongs to."""
    if sentence % 10 == 0:
        return "emov_db_test"
    return "emov_db_valid" if sentence % 20 == 5 else "emov_db_train"


def prepare(
    root: str | Path,
    out_data: str | Path,
    *,
    targets: Sequence[str] = DEFAULT_TARGETS,
    prompts: str | Path | None = None,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write the data directories and pairs of EmoV-DB and return the utterances.

    Args:
        root: the folder of the archives' or the speakers' folders, or a few above it.
        out_data: gets ``SETS``, of which ``PAIRED`` have ``pairs/same_voice`` and
            ``pairs/parallel``; each has ``spk2gender`` and ``rejected.tsv``.
        targets: emotions to which the pairs convert neutral utterances.
        prompts: ``cmuarctic.data``; None looks for it in the folder.
        seed: of the pairs.
        allow_incomplete: warn of what is missing or wrong instead of raising.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: an emotion that there is none of, no copy at ``root``, prompts that are
            none, or a copy that is not whole; one line with the place and the remedy.
            Nothing is written then.
    """
    check_targets(targets, EMOTIONS.values())
    release = read_release(find_release(root))
    survey = _survey(release)
    readable = set(survey.readable)
    kept = sorted((name for name in release.wavs if str(name) in readable), key=str)
    _check(release, survey, kept, allow_incomplete=allow_incomplete)
    words = read_prompts(find_prompts(release.root, prompts), {name.sentence for name in kept})
    members, rejected = _members(release, survey, kept)
    pairs = _make_all_pairs(members, targets, seed)
    sets = {key: _utterances(release, names, words) for key, names in members.items()}
    for key, utterances in sets.items():
        _write_set(Path(out_data) / key, utterances, rejected[key])
    for (key, rule), tables in pairs.items():
        write_pairs(Path(out_data) / key / "pairs" / rule, tables)
    sizes = ", ".join(f"{len(utterances)} {key}" for key, utterances in sets.items())
    logger.info(f"{out_data}: {sizes}; {survey.hours:.2f} h (whole: 9.48 h)")
    return sets


def _survey(release: Release) -> Survey:
    """Return what the headers of all wavs say."""
    paths = {str(name): path for name, path in release.wavs.items()}
    rates_hz = {str(name): RATES_HZ[name.speaker] for name in release.wavs}
    return survey_wavs(release.root, paths, rates_hz)


def count(names: Iterable[EmovName]) -> dict[str, int]:
    """Return the counts that ``EXPECTED`` has of these files."""
    names = set(names)
    counts = Counter(name.emotion for name in names)
    counts["utterances"] = len(names)
    for speaker, emotion, _ in {(n.speaker, n.emotion, n.sentence) for n in names}:
        counts[f"sentences of {speaker} {emotion}"] += 1
    return dict(counts)


def _check(
    release: Release, survey: Survey, kept: list[EmovName], *, allow_incomplete: bool
) -> None:
    """Compare the copy with the whole corpus.

    Raises:
        ValueError: it is not whole.
    """
    faults: Faults = {
        "folders not there": release.absent,
        "wavs that EmoV-DB does not have": release.extra,
        "wavs whose folder contradicts their name": release.misplaced,
        "wavs unreadable": survey.unreadable,
    }
    found = count(kept)
    self_check(release.root, "EmoV-DB", EXPECTED, found, faults, allow_incomplete=allow_incomplete)


def _members(
    release: Release, survey: Survey, kept: Sequence[EmovName]
) -> tuple[dict[str, list[EmovName]], dict[str, dict[str, str]]]:
    """Return the files of each set, and what is left out of each with the reason.

    Sets with pairs keep one reading of a sentence. Wavs without a name that says a sentence
    are entered under training.

    Raises:
        ValueError: a set is empty.
    """
    members: dict[str, list[EmovName]] = {key: [] for key in SETS}
    rejected: dict[str, dict[str, str]] = {key: {} for key in SETS}
    first: dict[tuple[str, str, int], EmovName] = {}
    for name in kept:
        key = set_of(name.sentence)
        earlier = first.setdefault((name.speaker, name.emotion, name.sentence), name)
        if key in PAIRED and earlier != name:
            rejected[key][str(name)] = f"the sentence of {earlier} once more"
        else:
            members[key].append(name)
    for name, path in release.wavs.items():
        if path in survey.unreadable:
            rejected[set_of(name.sentence)][str(name)] = f"{path}: {survey.unreadable[path]}"
    rejected[SETS[0]].update(release.extra | release.misplaced)
    for key, names in members.items():
        if not names:
            raise ValueError(f"{release.root}: no utterance of {key} is there; unpack it again")
    return members, rejected


def _make_all_pairs(
    members: dict[str, list[EmovName]], targets: Sequence[str], seed: int
) -> dict[tuple[str, str], PairTables]:
    """Return the tables by set and rule.

    Raises:
        ValueError: a set has no pair at all.
    """
    pairs = {}
    for key in PAIRED:
        tables, impossible = make_pairs(members[key], targets, seed)
        conditions = Counter(next(iter(tables.values()))["conditions"].values())
        if not conditions:
            raise ValueError(
                f"{key}: no neutral utterance has a partner in {' '.join(targets)}; unpack again"
            )
        numbers = ", ".join(f"{number} {name}" for name, number in sorted(conditions.items()))
        logger.info(
            f"{key}: {sum(conditions.values())} pairs in each of {' and '.join(tables)}: {numbers}"
            f"; {len(impossible)} others have no partner, since speakers did not say every "
            "sentence in every emotion"
        )
        pairs.update({(key, rule): table for rule, table in tables.items()})
    return pairs


def _utterances(
    release: Release, names: Sequence[EmovName], words: dict[int, str]
) -> list[Utterance]:
    return [
        Utterance(
            utterance_id=name.utterance_id,
            speaker=name.speaker,
            wav=f"{release.root}/{release.wavs[name]}",
            text=words.get(name.sentence),
            emotion=name.emotion,
            language=LANGUAGE,
        )
        for name in names
    ]


def _write_set(path: Path, utterances: Sequence[Utterance], rejected: Mapping[str, str]) -> None:
    write_data_directory(path, utterances)
    write_table(path / "spk2gender", {u.speaker: GENDERS[u.speaker] for u in utterances})
    write_rejected(path, rejected)
