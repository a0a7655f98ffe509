"""A manifest from conversions that lie on disk."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from espnet2_ext.data.tables import read_table
from espnet2_ext.listening.manifest import (
    CHECK,
    EMOTION,
    PRACTICE,
    SIMILARITY,
    Stimulus,
    write_manifest,
)

ZERO_EFFORT = "zero effort"
TRUE_TARGET = "true target"
TARGET = "target"
PROSODY = "prosody"
REFERENCES = (TARGET, PROSODY)


def conversion_manifest(
    inference_dirs: Mapping[str, str | Path],
    data_dir: str | Path,
    pairs_dir: str | Path,
    out_path: str | Path,
    *,
    num_items: int = 10,
    num_practice: int = 1,
    num_checks: int = 0,
    reference: str = TARGET,
    seed: int = 0,
) -> list[Stimulus]:
    """Write a manifest of both kinds of questions, and return its recordings.

    Beside the conversions stand the source left as it is (``zero effort``, the first bar
    of Fig. 3) and the ``true target`` (the last). Each condition gets the same number of
    items, taken from the voices in turn. The neutral sources are asked about as neutral
    originals too, or listeners would learn that nothing is neutral.

    Args:
        inference_dirs: names of systems to folders with ``wav.scp`` by pair, as the
            conversion stage and a baseline give them. Where ``settings.json`` of that stage
            says that contrast was restored, so does the name in the manifest.
        data_dir: holds ``wav.scp`` and ``utt2spk`` of sources and targets.
        pairs_dir: holds ``pairs targets conditions``.
        out_path: of the manifest.
        num_items: for each condition. # not in paper
        num_practice: items of practice, of further pairs.
        num_checks: further pairs whose true target is compared to itself: only similar
            and absolutely similar show attention.
        reference: what a recording is compared to: ``target``, the true target as in
            [P2V] IV-D 2 (the last bar is then a recording against itself), or
            ``prosody``, the recording that the conversion took its prosody from.
        seed: which pairs.

    Raises:
        FileNotFoundError: a table is missing.
        ValueError: too few pairs, a table lacks one, no system, or one of a reserved name.
    """
    if reference not in REFERENCES:
        raise ValueError(f"reference is {reference!r}; give target or prosody")
    if not inference_dirs or {ZERO_EFFORT, TRUE_TARGET} & inference_dirs.keys():
        raise ValueError(
            f"systems are {list(inference_dirs)}; give at least one, none of them called "
            f"{ZERO_EFFORT} or {TRUE_TARGET}"
        )
    named = {_full_name(name, Path(path)): path for name, path in inference_dirs.items()}
    tables = _Tables(named, Path(data_dir), Path(pairs_dir), Path(out_path).parent)
    tested, spare = tables.choose(num_items, seed)
    if len(spare) < num_practice + num_checks:
        raise ValueError(
            f"{pairs_dir}: {len(spare)} pairs are left for {num_practice} practice items and "
            f"{num_checks} checks; give fewer items"
        )
    stimuli = [stimulus for pair in tested for stimulus in tables.compare(pair, reference)]
    stimuli += [stimulus for pair in tested for stimulus in tables.recognise(pair)]
    sources = dict.fromkeys(tables.pairs[pair].split()[0] for pair in tested)
    stimuli += [tables.neutral(source) for source in list(sources)[:num_items]]
    for pair in spare[:num_practice]:
        stimuli += tables.practice(pair, reference)
    checks = spare[num_practice : num_practice + num_checks]
    write_manifest(out_path, [*stimuli, *map(tables.check, checks)])
    return [*stimuli, *map(tables.check, checks)]


def _full_name(system: str, inference_dir: Path) -> str:
    """Return the name under which a system stands in tables: what is not in the paper is said."""
    settings = inference_dir / "settings.json"
    if settings.is_file() and json.loads(settings.read_text(encoding="utf-8")).get("contrast"):
        return f"{system}, contrast restored"
    return system


class _Tables:
    """Everything that is known of the pairs."""

    def __init__(
        self,
        inference_dirs: Mapping[str, str | Path],
        data_dir: Path,
        pairs_dir: Path,
        folder: Path,
    ) -> None:
        self.folder = folder
        self.pairs = read_table(pairs_dir / "pairs")
        self.targets = read_table(pairs_dir / "targets")
        self.conditions = read_table(pairs_dir / "conditions")
        self.speakers = read_table(data_dir / "utt2spk")
        self.data = data_dir / "wav.scp", read_table(data_dir / "wav.scp")
        self.converted = {
            system: (Path(path) / "wav.scp", read_table(Path(path) / "wav.scp"))
            for system, path in inference_dirs.items()
        }
        for name, table in (("targets", self.targets), ("conditions", self.conditions)):
            if self.pairs.keys() - table.keys():
                lacking = min(self.pairs.keys() - table.keys())
                raise ValueError(f"{pairs_dir / name}: lacks {lacking}; write the pairs again")

    def choose(self, num_items: int, seed: int) -> tuple[list[str], list[str]]:
        """Return ``num_items`` pairs a condition, voices in turn, and all others shuffled."""
        generator = np.random.default_rng(seed)
        names = sorted(self.pairs)
        shuffled = [names[i] for i in generator.permutation(len(names))]
        chosen: list[str] = []
        for condition in sorted({self.conditions[pair] for pair in names}):
            by_voice: dict[str, list[str]] = {}
            for pair in shuffled:
                if self.conditions[pair] == condition:
                    by_voice.setdefault(self._voice(pair), []).append(pair)
            turns = [(turn, voice) for voice, own in by_voice.items() for turn in range(len(own))]
            in_turn = [by_voice[voice][turn] for turn, voice in sorted(turns, key=lambda t: t[0])]
            if len(in_turn) < num_items:
                raise ValueError(f"{condition}: {len(in_turn)} pairs, {num_items} items asked for")
            chosen += in_turn[:num_items]
        return chosen, [pair for pair in shuffled if pair not in chosen]

    def compare(self, pair: str, reference: str) -> list[Stimulus]:
        """Return the similarity questions of a pair, one a system."""
        utterance = self.targets[pair] if reference == TARGET else self.pairs[pair].split()[1]
        compared = self._path(self.data, utterance)
        return [
            Stimulus(SIMILARITY, system, self._emotion(pair), pair, audio, compared)
            for system, audio in self._recordings(pair).items()
        ]

    def recognise(self, pair: str) -> list[Stimulus]:
        """Return the emotion questions of a pair, one a system."""
        return [
            Stimulus(EMOTION, system, self._emotion(pair), pair, audio)
            for system, audio in self._recordings(pair).items()
        ]

    def neutral(self, source: str) -> Stimulus:
        """Return the emotion question of a source as an original of its own emotion."""
        emotion = next(
            self.conditions[pair].split("-")[0]
            for pair, value in self.pairs.items()
            if value.split()[0] == source
        )
        return Stimulus(EMOTION, TRUE_TARGET, emotion, source, self._path(self.data, source))

    def practice(self, pair: str, reference: str) -> list[Stimulus]:
        """Return one question of each kind about the first system."""
        place = 1  # Behind zero effort.
        return [
            Stimulus(s.kind, s.system, s.target_emotion, s.item, s.audio, s.reference, PRACTICE)
            for s in (self.compare(pair, reference)[place], self.recognise(pair)[place])
        ]

    def check(self, pair: str) -> Stimulus:
        """Return a recording against itself."""
        audio = self._path(self.data, self.targets[pair])
        return Stimulus(
            SIMILARITY, TRUE_TARGET, self._emotion(pair), pair, audio, audio, CHECK, "1,2"
        )

    def _recordings(self, pair: str) -> dict[str, str]:
        converted = {name: self._path(table, pair) for name, table in self.converted.items()}
        source = self.pairs[pair].split()[0]
        return {
            ZERO_EFFORT: self._path(self.data, source),
            **converted,
            TRUE_TARGET: self._path(self.data, self.targets[pair]),
        }

    def _emotion(self, pair: str) -> str:
        return self.conditions[pair].split("-")[-1]

    def _voice(self, pair: str) -> str:
        source = self.pairs[pair].split()[0]
        if source not in self.speakers:
            raise ValueError(f"{self.data[0].with_name('utt2spk')}: lacks {source}")
        return self.speakers[source]

    def _path(self, table: tuple[Path, Mapping[str, str]], key: str) -> str:
        """Return a path of a table as seen from the folder of the manifest."""
        path, values = table
        if key not in values:
            raise ValueError(f"{path}: lacks {key}; run the stage that writes it again")
        return os.path.relpath(values[key], self.folder)
