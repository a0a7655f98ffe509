"""The table of what listeners are to hear: one recording a line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from espnet2_ext.data.parallel import atomic_open

SIMILARITY = "similarity"
EMOTION = "emotion"
KINDS = (SIMILARITY, EMOTION)
SIMILARITY_ANSWERS = ("-2", "-1", "0", "1", "2")
"""[P2V] IV-D 2: absolutely different, different, cannot tell, similar, absolutely similar."""
TEST = "test"
PRACTICE = "practice"
CHECK = "check"
ROLES = (TEST, PRACTICE, CHECK)


@dataclass(frozen=True)
class Stimulus:
    """One recording to judge.

    Attributes:
        kind: ``similarity`` (is the emotion of two recordings alike, -2 to +2) or
            ``emotion`` (which of the emotions is heard).
        system: what made the recording; a bar of Fig. 3, a matrix of Fig. 4.
        target_emotion: what it should sound like; a row of Fig. 4.
        item: what the recordings of different systems have in common, for instance the
            pair of source and reference that was converted.
        audio: path of the recording.
        reference: heard before it, for ``similarity`` only.
        role: ``test`` (also if left empty), ``practice`` (not scored) or ``check`` (of
            attention).
        expected: answers of a check that show attention, separated by commas.
    """

    kind: str
    system: str
    target_emotion: str
    item: str
    audio: str
    reference: str = ""
    role: str = TEST
    expected: str = ""


COLUMNS = tuple(field.name for field in fields(Stimulus))
OPTIONAL_COLUMNS = ("role", "expected")


def read_manifest(path: str | Path) -> list[Stimulus]:
    """Return the recordings; relative paths are seen from the folder of the manifest.

    Args:
        path: tab-separated, its first line names the columns: those of ``Stimulus``, of
            which ``role`` and ``expected`` may be left out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a column is missing or unknown, a field is wrong, a line stands
            twice, or an item lacks a system that others of its emotion have.
    """
    path = Path(path)
    with open(path, encoding="utf-8-sig") as stream:
        header, *lines = [line.rstrip("\r\n").split("\t") for line in stream] or [[]]
    lacking = [name for name in COLUMNS if name not in (*header, *OPTIONAL_COLUMNS)]
    unknown = [name for name in header if name not in COLUMNS or header.count(name) > 1]
    if lacking or unknown:
        raise ValueError(
            f"{path}:1: columns missing: {lacking}, unknown or double: {unknown}; "
            f"known, with tabs: {', '.join(COLUMNS)}"
        )
    stimuli: dict[tuple[str, ...], Stimulus] = {}
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        place = f"{path}:{number}"
        if len(cells) != len(header):
            raise ValueError(f"{place}: {len(cells)} fields, the first line names {len(header)}")
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        stimulus = _resolve(_stimulus(place, row), path.parent)
        key = (stimulus.kind, stimulus.role, stimulus.system, *_item(stimulus))
        if key in stimuli:
            raise ValueError(f"{place}: {' '.join(key)} stands twice; remove one")
        stimuli[key] = stimulus
    check_complete(path, stimuli.values())
    return list(stimuli.values())


def write_manifest(path: str | Path, stimuli: Iterable[Stimulus]) -> None:
    """Write what ``read_manifest`` reads."""
    with atomic_open(path) as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for stimulus in stimuli:
            stream.write("\t".join(getattr(stimulus, name) for name in COLUMNS) + "\n")


def check_complete(path: str | Path, stimuli: Iterable[Stimulus]) -> None:
    """Raise a ValueError unless every item has all the systems of its emotion.

    Without that no order is balanced, and systems would be compared on different items.
    """
    items: dict[tuple[str, str], dict[str, set[str]]] = {}
    for stimulus in stimuli:
        if stimulus.role == TEST:
            group = items.setdefault((stimulus.kind, stimulus.target_emotion), {})
            group.setdefault(stimulus.item, set()).add(stimulus.system)
    if not items:
        raise ValueError(f"{path}: holds no recordings to test; give lines with role test")
    for (kind, emotion), systems_of in items.items():
        everything = set().union(*systems_of.values())
        for item, systems in systems_of.items():
            if systems != everything:
                raise ValueError(
                    f"{path}: {kind}, {emotion}: {item} lacks {min(everything - systems)}, "
                    "which other items have; add the line or remove the item"
                )


def check_expected(path: str | Path, stimuli: Iterable[Stimulus], emotions: Sequence[str]) -> None:
    """Raise a ValueError for an emotion that is no choice or a check nobody can pass."""
    for stimulus in stimuli:
        if stimulus.kind == EMOTION and stimulus.target_emotion not in emotions:
            raise ValueError(
                f"{path}: {stimulus.item}: {stimulus.target_emotion} is not among the choices "
                f"{', '.join(emotions)}; add it to them"
            )
        choices = answers_of(stimulus.kind, emotions)
        for answer in stimulus.expected.split(",") if stimulus.expected else ():
            if answer not in choices:
                raise ValueError(
                    f"{path}: {stimulus.item}: expected answer {answer!r} is none of "
                    f"{', '.join(choices)}"
                )


def answers_of(kind: str, emotions: Sequence[str]) -> tuple[str, ...]:
    """Return the choices of a kind of trial, in order."""
    return SIMILARITY_ANSWERS if kind == SIMILARITY else tuple(emotions)


def _stimulus(place: str, row: dict[str, str]) -> Stimulus:
    """Return a line's recording; raise a ValueError for a wrong field."""
    stimulus = Stimulus(**{**row, "role": row.get("role") or TEST})
    for name, known in (("kind", KINDS), ("role", ROLES)):
        if getattr(stimulus, name) not in known:
            value = getattr(stimulus, name)
            raise ValueError(f"{place}: {name} {value!r:.40} is none of {', '.join(known)}")
    for name in ("system", "target_emotion", "item", "audio"):
        if not row[name]:
            raise ValueError(f"{place}: {name} is empty; fill it in")
    if bool(stimulus.reference) != (stimulus.kind == SIMILARITY):
        raise ValueError(f"{place}: a reference goes with {SIMILARITY}, and only with it")
    if bool(stimulus.expected) != (stimulus.role == CHECK):
        raise ValueError(f"{place}: expected answers go with role {CHECK}, and only with it")
    return stimulus


def _resolve(stimulus: Stimulus, folder: Path) -> Stimulus:
    """Return the recording with paths seen from the working directory."""
    paths = {
        name: str(folder / getattr(stimulus, name))
        for name in ("audio", "reference")
        if getattr(stimulus, name)
    }
    return Stimulus(**{**{name: getattr(stimulus, name) for name in COLUMNS}, **paths})


def _item(stimulus: Stimulus) -> tuple[str, str]:
    return stimulus.target_emotion, stimulus.item
