"""The table of what listeners are to hear, one recording a line, and one made from conversions."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_csv, read_table, require_keys

SIMILARITY = "similarity"
EMOTION = "emotion"
KINDS = (SIMILARITY, EMOTION)
SIMILARITY_ANSWERS = ("-2", "-1", "0", "1", "2")
"""[P2V] IV-D 2: absolutely different, different, cannot tell, similar, absolutely similar."""
TEST = "test"
PRACTICE = "practice"
CHECK = "check"
ROLES = (TEST, PRACTICE, CHECK)
SOURCE = "source (unconverted)"
GROUND_TRUTH = "ground-truth target"


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
IDENTITY = ("kind", "role", "system", "target_emotion", "item")
"""Columns that no two lines share."""


def read_manifest(path: str | Path) -> list[Stimulus]:
    """Return the recordings of a tab-separated table with the columns of ``Stimulus``.

    ``reference``, ``role`` and ``expected`` are optional; paths are relative to the folder of the
    table. ValueError for a wrong column or field, a repeated line, or an item without all systems.
    """
    path = Path(path)
    stimuli: dict[tuple[str, ...], Stimulus] = {}
    for number, row in read_csv(path, COLUMNS[:5], COLUMNS[5:], is_tabs=True, has_gaps=True):
        stimulus = Stimulus(**{**row, "role": row.get("role") or TEST})
        key = tuple(getattr(stimulus, name) for name in IDENTITY)
        if fault := "stands twice" if key in stimuli else _fault(stimulus):
            raise ValueError(f"{path}:{number}: {' '.join(key)}: {fault}")
        reference = stimulus.reference and str(path.parent / stimulus.reference)
        audio = str(path.parent / stimulus.audio)
        stimuli[key] = replace(stimulus, audio=audio, reference=reference)
    _check_complete(path, stimuli.values())
    return list(stimuli.values())


def _fault(stimulus: Stimulus) -> str | None:
    """Return what is wrong with the fields of a line."""
    for name, known in (("kind", KINDS), ("role", ROLES)):
        if getattr(stimulus, name) not in known:
            return f"{name} is none of {', '.join(known)}"
    if bool(stimulus.reference) != (stimulus.kind == SIMILARITY):
        return f"a reference goes with {SIMILARITY}, and only with it"
    if bool(stimulus.expected) != (stimulus.role == CHECK):
        return f"expected answers go with role {CHECK}, and only with it"
    return None


def write_manifest(path: str | Path, stimuli: Iterable[Stimulus]) -> None:
    """Write what ``read_manifest`` reads."""
    with atomic_open(path) as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for stimulus in stimuli:
            stream.write("\t".join(getattr(stimulus, name) for name in COLUMNS) + "\n")


def _check_complete(path: Path, stimuli: Iterable[Stimulus]) -> None:
    """Raise a ValueError unless every item has all the systems of its emotion, as balance needs."""
    items: dict[tuple[str, str], dict[str, set[str]]] = {}
    for stimulus in stimuli:
        if stimulus.role == TEST:
            group = items.setdefault((stimulus.kind, stimulus.target_emotion), {})
            group.setdefault(stimulus.item, set()).add(stimulus.system)
    if not items:
        raise ValueError(f"{path}: holds no recordings to test; give lines with role test")
    for (kind, emotion), systems_of in items.items():
        for item, systems in systems_of.items():
            if lacking := set().union(*systems_of.values()) - systems:
                raise ValueError(
                    f"{path}: {kind}, {emotion}: {item} lacks {min(lacking)}, which other items "
                    "have; add the line or remove the item"
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
        expected = stimulus.expected.split(",") if stimulus.expected else ()
        if unknown := [answer for answer in expected if answer not in choices]:
            raise ValueError(
                f"{path}: {stimulus.item}: expected answer {unknown[0]!r} is none of "
                f"{', '.join(choices)}"
            )


def answers_of(kind: str, emotions: Sequence[str]) -> tuple[str, ...]:
    """Return the choices of a kind of trial, in order."""
    return SIMILARITY_ANSWERS if kind == SIMILARITY else tuple(emotions)


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
) -> None:
    """Write a manifest of both kinds of questions.

    Beside the conversions stand the unconverted source (the first bar of Fig. 3) and the
    ground-truth target (the last). Each condition gets the same number of items, taken from the
    voices in turn. The neutral sources are asked about as neutral originals too, or listeners would
    learn that nothing is neutral. ValueError for too few pairs, a table that lacks one, no system,
    or one of a reserved name.

    Args:
        inference_dirs: by name of the system; one whose ``settings.json`` says that variance
            was compensated gets that into its name.
        num_items: for each condition. # not in paper
        num_checks: further pairs whose ground-truth target is compared to itself; only similar and
            absolutely similar show attention.
        reference: compare to ``target``, ground truth as in [P2V] IV-D 2, or ``prosody``.
    """
    if not inference_dirs or {SOURCE, GROUND_TRUTH} & inference_dirs.keys():
        raise ValueError(
            f"systems are {list(inference_dirs)}; give at least one, none of them called "
            f"{SOURCE} or {GROUND_TRUTH}"
        )
    dirs = Path(data_dir), Path(pairs_dir), Path(out_path).parent
    pairs = _Pairs(inference_dirs, *dirs, reference)
    tested, spare = pairs.choose(num_items, seed)
    if len(spare) < num_practice + num_checks:
        raise ValueError(
            f"{pairs_dir}: {len(spare)} pairs are left for {num_practice} practice items and "
            f"{num_checks} checks; give fewer items"
        )
    stimuli = [s for kind in KINDS for pair in tested for s in pairs.stimuli(pair, kind)]
    sources = dict.fromkeys(pairs.sources[pair] for pair in tested)
    stimuli += [pairs.neutral(source) for source in list(sources)[:num_items]]
    for pair in spare[:num_practice]:
        # Of the first system, which stands behind the source.
        stimuli += [replace(pairs.stimuli(pair, kind)[1], role=PRACTICE) for kind in KINDS]
    for pair in spare[num_practice : num_practice + num_checks]:
        true = pairs.stimuli(pair, SIMILARITY)[-1]
        stimuli.append(replace(true, reference=true.audio, role=CHECK, expected="1,2"))
    write_manifest(out_path, stimuli)


def _full_name(system: str, inference_dir: Path) -> str:
    """Return the name of a system in tables, which says what is not in paper."""
    settings = inference_dir / "settings.json"
    if settings.is_file() and json.loads(settings.read_text(encoding="utf-8")).get("contrast"):
        return f"{system}, variance compensation"
    return system


class _Pairs:
    """The tables of the pairs, and what listeners are asked about a pair."""

    def __init__(
        self,
        inference_dirs: Mapping[str, str | Path],
        data_dir: Path,
        pairs_dir: Path,
        folder: Path,
        reference: str,
    ) -> None:
        def read(path: Path, keys: Iterable[str]) -> dict[str, str]:
            table = read_table(path)
            require_keys(path, table, keys)
            return table

        self.folder = folder
        pairs = {pair: value.split() for pair, value in read(pairs_dir / "pairs", ()).items()}
        self.sources = {pair: names[0] for pair, names in pairs.items()}
        self.targets = read(pairs_dir / "targets", pairs)
        self.conditions = read(pairs_dir / "conditions", pairs)
        self.references = {
            pair: self.targets[pair] if reference == "target" else names[1]
            for pair, names in pairs.items()
        }
        self.speakers = read(data_dir / "utt2spk", self.sources.values())
        heard = {*self.sources.values(), *self.references.values(), *self.targets.values()}
        self.wavs = read(data_dir / "wav.scp", heard)
        self.converted = {
            _full_name(system, Path(path)): read(Path(path) / "wav.scp", pairs)
            for system, path in inference_dirs.items()
        }

    def choose(self, num_items: int, seed: int) -> tuple[list[str], list[str]]:
        """Return ``num_items`` pairs a condition, voices in turn, and all others shuffled."""
        names = sorted(self.sources)
        order = np.random.default_rng(seed).permutation(len(names))
        by_condition: dict[str, dict[str, list[str]]] = {}
        for pair in (names[i] for i in order):
            by_voice = by_condition.setdefault(self.conditions[pair], {})
            by_voice.setdefault(self.speakers[self.sources[pair]], []).append(pair)
        chosen: list[str] = []
        for condition, by_voice in sorted(by_condition.items()):
            in_turn = [pair for turn in zip_longest(*by_voice.values()) for pair in turn if pair]
            if len(in_turn) < num_items:
                raise ValueError(f"{condition}: {len(in_turn)} pairs, {num_items} items asked for")
            chosen += in_turn[:num_items]
        return chosen, [names[i] for i in order if names[i] not in chosen]

    def stimuli(self, pair: str, kind: str) -> list[Stimulus]:
        """Return the questions of a kind on a pair, one a system."""
        emotion = self.conditions[pair].split("-")[-1]
        reference = self._path(self.wavs[self.references[pair]]) if kind == SIMILARITY else ""
        recordings = {
            SOURCE: self.wavs[self.sources[pair]],
            **{name: table[pair] for name, table in self.converted.items()},
            GROUND_TRUTH: self.wavs[self.targets[pair]],
        }
        return [
            Stimulus(kind, system, emotion, pair, self._path(audio), reference)
            for system, audio in recordings.items()
        ]

    def neutral(self, source: str) -> Stimulus:
        """Return the emotion question on a source as an original of its own emotion."""
        pair = next(pair for pair in self.sources if self.sources[pair] == source)
        emotion = self.conditions[pair].split("-")[0]
        return Stimulus(EMOTION, GROUND_TRUTH, emotion, source, self._path(self.wavs[source]))

    def _path(self, wav: str) -> str:
        """Return a path as seen from the folder of the manifest."""
        return os.path.relpath(wav, self.folder)
