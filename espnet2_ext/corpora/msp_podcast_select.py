"""Which wavs of a copy of MSP-PODCAST are used, by whom they are spoken, and why others are not.

Some speakers were never identified. What is done with them is a choice:

=========  ==========================================================================
alone      each such utterance is a speaker of its own and gives its own voice in training;
           p2v.sh leaves it out of validation
podcast    those of one podcast are one speaker, though host and guests may be mixed
drop       they are left out
=========  ==========================================================================
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from espnet2_ext.corpora.msp_podcast_counts import has_unlabelled_test
from espnet2_ext.corpora.msp_podcast_labels import EMOTIONS, TESTS, Row, podcast_of
from espnet2_ext.corpora.msp_podcast_release import Release
from espnet2_ext.data.utterance import Utterance

UNKNOWN_SPEAKERS = ("alone", "podcast", "drop")
TEST_CHOICES = ("out", "in")
UNLABELLED = "unlabelled"
LANGUAGE = "eng"
_HEADER_BYTES = 44
_BYTES_PER_S = 32000
_FOUR_CLASSES = {"A", "H", "N", "S"}


@dataclass(frozen=True)
class Selection:
    """The utterances to use, reasons for the others, and what was found in all.

    Attributes:
        kept: without words.
        names: file name by utterance id.
        rejected: reason by utterance id, or by file name where no id is known.
        found: counts over the whole copy, tests and unknown speakers included.
        faults: what is wrong, by kind.
        hours: of ``kept``, from the sizes of the files.
    """

    kept: list[Utterance]
    names: dict[str, str]
    rejected: dict[str, str]
    found: Counter[str]
    faults: dict[str, dict[str, str]]
    hours: float


@dataclass
class _Faults:
    """Reasons by file name."""

    missing: dict[str, str] = field(default_factory=dict)
    empty: dict[str, str] = field(default_factory=dict)
    unlisted: dict[str, str] = field(default_factory=dict)
    unlabelled: dict[str, str] = field(default_factory=dict)


def select(release: Release, number: str, *, tests: str, unknown_speakers: str) -> Selection:
    """Return what of a copy is used.

    Args:
        release: the copy.
        number: which release it is.
        tests: ``out`` or ``in``: whether the utterances of Test1 to Test3 are used.
        unknown_speakers: one of ``UNKNOWN_SPEAKERS``.
    """
    faults = _Faults()
    rows = _usable_rows(release, number, faults)
    found: Counter[str] = Counter()
    kept, names, rejected, hours = [], {}, dict(release.odd_files), 0.0
    for name in sorted(rows):
        row = rows[name]
        _count(found, row)
        speaker = speaker_of(name, row, unknown_speakers)
        key = f"{speaker}-{name.removesuffix('.wav')}"
        if row.partition in TESTS and tests == "out":
            rejected[key] = f"partition {row.partition}, kept out"
        elif row.speaker is None and unknown_speakers == "drop":
            rejected[key] = "speaker unknown, dropped"
        else:
            names[key] = name
            hours += (release.sizes[name] - _HEADER_BYTES) / _BYTES_PER_S / 3600
            kept.append(
                Utterance(
                    utterance_id=key,
                    speaker=speaker,
                    wav=f"{release.audio}/{name}",
                    emotion=UNLABELLED if row.label is None else EMOTIONS[row.label],
                    session=f"podcast{podcast_of(name)}",
                    language=LANGUAGE,
                )
            )
    for reasons in (faults.missing, faults.empty, faults.unlisted):
        rejected.update(reasons)
    return Selection(kept, names, rejected, found, _by_kind(release, faults), hours)


def _usable_rows(release: Release, number: str, faults: _Faults) -> dict[str, Row]:
    """Return the rows of the wavs that are there and known; enter the others as faults.

    A wav without any row is of Test3 where the release has one and no list names its
    members.
    """
    listed = any(row.partition == "Test3" for row in release.rows.values())
    rows: dict[str, Row] = {}
    for name, row in release.rows.items():
        if name not in release.sizes:
            faults.missing[name] = f"{row.partition}, no wav in {release.audio}"
        elif row.label is None and row.partition != "Test3":
            faults.unlabelled[name] = f"{row.partition}"
            rows[name] = row
        else:
            rows[name] = row
    for name in sorted(release.sizes.keys() - release.rows.keys()):
        if has_unlabelled_test(number) and not listed:
            rows[name] = Row(partition="Test3")
        else:
            faults.unlisted[name] = "neither a label nor a partition"
    for name in list(rows):
        if release.sizes[name] <= _HEADER_BYTES:
            faults.empty[name] = f"{release.sizes[name]} bytes"
            del rows[name]
    return rows


def _count(found: Counter[str], row: Row) -> None:
    """Add an utterance to the counts that ``msp_podcast_counts.py`` knows."""
    found["utterances"] += 1
    found[f"{row.partition}"] += 1
    found["with labels"] += row.label is not None
    found[UNLABELLED if row.label is None else EMOTIONS[row.label]] += 1
    found[f"of four classes in {row.partition}"] += row.label in _FOUR_CLASSES
    found["unknown speakers"] += row.speaker is None


def speaker_of(name: str, row: Row, unknown_speakers: str) -> str:
    """Return the speaker's name in data directories; that of other corpora is never the same."""
    if row.speaker is not None:
        return f"podcast_s{row.speaker:05d}"
    stem = name.removeprefix("MSP-PODCAST_").removesuffix(".wav")
    return f"podcast_p{podcast_of(name)}" if unknown_speakers == "podcast" else f"podcast_u{stem}"


def _by_kind(release: Release, faults: _Faults) -> dict[str, dict[str, str]]:
    """Return the faults by what they are called in messages."""
    kinds: Mapping[str, Mapping[str, str]] = {
        "labels or partitions without a wav (of another release?)": faults.missing,
        "wavs without a label or partition": faults.unlisted,
        "wavs outside Test3 without a label": faults.unlabelled,
        "wavs without samples": faults.empty,
        "wavs of another name": release.odd_files,
        "contradictions between the lists": release.contradictions,
    }
    return {kind: dict(reasons) for kind, reasons in kinds.items()}
