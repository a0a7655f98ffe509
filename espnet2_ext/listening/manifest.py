"""The table of what listeners are to hear, one recording a line, and one made from conversions."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_table

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
        kind: ``similarity`` (of the emotion of two recordings) or ``emotion`` (which is it).
        system: that made the recording; a bar of [P2V] Fig. 3, a matrix of Fig. 4.
        item: what the recordings of different systems have in common, such as a pair.
        reference: played before ``audio``, for ``similarity`` only.
        role: ``test`` (also if empty), ``practice`` (not scored) or ``check`` (of attention).
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
IDENTITY = ("kind", "role", "system", "target_emotion", "item")
"""Columns that no two lines share."""


def read_manifest(path: str | Path) -> list[Stimulus]:
    """Return the recordings of a tab-separated table with the columns of ``Stimulus``.

    ``role`` and ``expected`` are optional; paths are relative to the folder of the table.
    ValueError for a wrong column or field, a repeated line, or an item without all systems.
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
        stimulus = Stimulus(**{**row, "role": row.get("role") or TEST})
        _check_fields(place, stimulus)
        key = tuple(getattr(stimulus, name) for name in IDENTITY)
        if key in stimuli:
            raise ValueError(f"{place}: {' '.join(key)} stands twice; remove one")
        reference = stimulus.reference and str(path.parent / stimulus.reference)
        audio = str(path.parent / stimulus.audio)
        stimuli[key] = replace(stimulus, audio=audio, reference=reference)
    check_complete(path, stimuli.values())
    return list(stimuli.values())


def _check_fields(place: str, stimulus: Stimulus) -> None:
    for name, known in (("kind", KINDS), ("role", ROLES)):
        value = getattr(stimulus, name)
        if value not in known:
            raise ValueError(f"{place}: {name} {value!r:.40} is none of {', '.join(known)}")
    for name in ("system", "target_emotion", "item", "audio"):
        if not getattr(stimulus, name):
            raise ValueError(f"{place}: {name} is empty; fill it in")
    if bool(stimulus.reference) != (stimulus.kind == SIMILARITY):
        raise ValueError(f"{place}: a reference goes with {SIMILARITY}, and only with it")
    if bool(stimulus.expected) != (stimulus.role == CHECK):
        raise ValueError(f"{place}: expected answers go with role {CHECK}, and only with it")


def write_manifest(path: str | Path, stimuli: Iterable[Stimulus]) -> None:
    """Write what ``read_manifest`` reads."""
    with atomic_open(path) as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for stimulus in stimuli:
            stream.write("\t".join(getattr(stimulus, name) for name in COLUMNS) + "\n")


def check_complete(path: str | Path, stimuli: Iterable[Stimulus]) -> None:
    """Raise a ValueError unless every item has all the systems of its emotion, as balance needs."""
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


SOURCE = "source (unconverted)"
GROUND_TRUTH = "ground-truth target"
REFERENCES = ("target", "prosody")


def conversion_manifest(
    inference_dirs: Mapping[str, str | Path],
    data_dir: str | Path,
    pairs_dir: str | Path,
    out_path: str | Path,
    *,
    num_items: int = 10,
    num_practice: int = 1,
    num_checks: int = 0,
    reference: str = "target",
    seed: int = 0,
) -> list[Stimulus]:
    """Write a manifest of both kinds of questions, and return its recordings.

    Beside the conversions stand the unconverted source (``source (unconverted)``, the first bar
    of Fig. 3) and the ``ground-truth target`` (the last). Each condition gets the same number of
    items, taken from the voices in turn. The neutral sources are asked about as neutral
    originals too, or listeners would learn that nothing is neutral.

    Args:
        inference_dirs: by name of the system; one whose ``settings.json`` says that variance
            was compensated gets that into its name.
        num_items: for each condition. # not in paper
        num_checks: further pairs whose ground-truth target is compared to itself; only similar and
            absolutely similar show attention.
        reference: compare to ``target``, ground truth as in [P2V] IV-D 2, or ``prosody``.

    Raises:
        ValueError: too few pairs, a table lacks one, no system, or one of a reserved name.
    """
    if reference not in REFERENCES:
        raise ValueError(f"reference is {reference!r}; give target or prosody")
    if not inference_dirs or {SOURCE, GROUND_TRUTH} & inference_dirs.keys():
        raise ValueError(
            f"systems are {list(inference_dirs)}; give at least one, none of them called "
            f"{SOURCE} or {GROUND_TRUTH}"
        )
    folders = {_full_name(name, Path(path)): Path(path) for name, path in inference_dirs.items()}
    pairs = _Pairs(folders, Path(data_dir), Path(pairs_dir), Path(out_path).parent)
    tested, spare = pairs.choose(num_items, seed)
    if len(spare) < num_practice + num_checks:
        raise ValueError(
            f"{pairs_dir}: {len(spare)} pairs are left for {num_practice} practice items and "
            f"{num_checks} checks; give fewer items"
        )
    stimuli = [stimulus for pair in tested for stimulus in pairs.stimuli(pair, reference)]
    stimuli += [stimulus for pair in tested for stimulus in pairs.stimuli(pair)]
    sources = dict.fromkeys(pairs.source(pair) for pair in tested)
    stimuli += [pairs.neutral(source) for source in list(sources)[:num_items]]
    for pair in spare[:num_practice]:
        # Of the first system, which stands behind the source.
        first = pairs.stimuli(pair, reference)[1], pairs.stimuli(pair)[1]
        stimuli += [replace(stimulus, role=PRACTICE) for stimulus in first]
    stimuli += [pairs.check(pair) for pair in spare[num_practice : num_practice + num_checks]]
    write_manifest(out_path, stimuli)
    return stimuli


def _full_name(system: str, inference_dir: Path) -> str:
    """Return the name of a system in tables, which says what is not in paper."""
    settings = inference_dir / "settings.json"
    if settings.is_file() and json.loads(settings.read_text(encoding="utf-8")).get("contrast"):
        return f"{system}, variance compensation"
    return system


class _Pairs:
    """The tables of the pairs, and what listeners are asked about a pair."""

    def __init__(
        self, inference_dirs: Mapping[str, Path], data_dir: Path, pairs_dir: Path, folder: Path
    ) -> None:
        self.folder = folder
        self.pairs = read_table(pairs_dir / "pairs")
        self.targets = read_table(pairs_dir / "targets")
        self.conditions = read_table(pairs_dir / "conditions")
        self.speakers = read_table(data_dir / "utt2spk")
        self.data = data_dir / "wav.scp", read_table(data_dir / "wav.scp")
        self.converted = {
            system: (path / "wav.scp", read_table(path / "wav.scp"))
            for system, path in inference_dirs.items()
        }
        for name, table in (("targets", self.targets), ("conditions", self.conditions)):
            if lacking := self.pairs.keys() - table.keys():
                raise ValueError(f"{pairs_dir / name}: lacks {min(lacking)}; write the pairs again")

    def source(self, pair: str) -> str:
        return self.pairs[pair].split()[0]

    def choose(self, num_items: int, seed: int) -> tuple[list[str], list[str]]:
        """Return ``num_items`` pairs a condition, voices in turn, and all others shuffled."""
        generator = np.random.default_rng(seed)
        names = sorted(self.pairs)
        shuffled = [names[i] for i in generator.permutation(len(names))]
        speakers = self.speakers
        if lacking := {self.source(pair) for pair in names} - speakers.keys():
            raise ValueError(f"{self.data[0].with_name('utt2spk')}: lacks {min(lacking)}")
        chosen: list[str] = []
        for condition in sorted({self.conditions[pair] for pair in names}):
            by_voice: dict[str, list[str]] = {}
            for pair in shuffled:
                if self.conditions[pair] == condition:
                    by_voice.setdefault(speakers[self.source(pair)], []).append(pair)
            turns = [(turn, pair) for own in by_voice.values() for turn, pair in enumerate(own)]
            in_turn = [pair for _, pair in sorted(turns, key=lambda t: t[0])]
            if len(in_turn) < num_items:
                raise ValueError(f"{condition}: {len(in_turn)} pairs, {num_items} items asked for")
            chosen += in_turn[:num_items]
        return chosen, [pair for pair in shuffled if pair not in chosen]

    def stimuli(self, pair: str, reference: str | None = None) -> list[Stimulus]:
        """Return the questions on a pair, one a system: emotion, or similarity to a reference."""
        emotion, compared = self.conditions[pair].split("-")[-1], ""
        true_target = self._path(self.data, self.targets[pair])
        if reference:
            prosody = self.pairs[pair].split()[1]
            compared = true_target if reference == "target" else self._path(self.data, prosody)
        recordings = {
            SOURCE: self._path(self.data, self.source(pair)),
            **{name: self._path(table, pair) for name, table in self.converted.items()},
            GROUND_TRUTH: true_target,
        }
        kind = SIMILARITY if reference else EMOTION
        return [
            Stimulus(kind, system, emotion, pair, audio, compared)
            for system, audio in recordings.items()
        ]

    def neutral(self, source: str) -> Stimulus:
        """Return the emotion question on a source as an original of its own emotion."""
        pair = next(pair for pair in self.pairs if self.source(pair) == source)
        emotion = self.conditions[pair].split("-")[0]
        return Stimulus(EMOTION, GROUND_TRUTH, emotion, source, self._path(self.data, source))

    def check(self, pair: str) -> Stimulus:
        """Return the ground-truth target against itself."""
        emotion = self.conditions[pair].split("-")[-1]
        audio = self._path(self.data, self.targets[pair])
        return Stimulus(SIMILARITY, GROUND_TRUTH, emotion, pair, audio, audio, CHECK, "1,2")

    def _path(self, table: tuple[Path, Mapping[str, str]], key: str) -> str:
        """Return a path of a table as seen from the folder of the manifest."""
        path, values = table
        if key not in values:
            raise ValueError(f"{path}: lacks {key}; run the stage that writes it again")
        return os.path.relpath(values[key], self.folder)
