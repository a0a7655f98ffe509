"""Contours of a data directory and the statistics of its speakers, as files; not in paper.

``contours_<hash>/<utterance>.npy`` and ``contours.scp``, ``utt2prosody`` (mean log F0, or nan where
unvoiced; level; log syllable rate; voiced frames) and, last of all, ``contours.json``, which says
what made them. A rerun computes what is missing.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from espnet2.utils.get_default_kwargs import get_default_kwargs

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import Share, atomic_open, one_thread, remove_leftovers, spawn_map
from espnet2_ext.data.tables import iterate_sorted_table, read_table
from espnet2_ext.prosody2vec.contours import (
    DEFAULT_TRACKER,
    UtteranceProsody,
    contours_of,
    summarise,
)
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.units.extract import data_signature

logger = logging.getLogger(__name__)

VERSION = 2
"""Raised when the way from audio to contours changes. 2: outliers of F0 are unvoiced."""
LOW_VOICING = 0.3
"""Utterances whose voiced share is below so much of the set's median are warned of."""

# ---------------------------------------------------------------- extraction


class ContourSettings(NamedTuple):
    """What contours depend on besides the audio: the F0 tracker and the options of the mel."""

    tracker: str
    features_conf: dict[str, Any]

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> "ContourSettings":
        """Return the settings of a configuration, given or default."""
        features_conf = {**get_default_kwargs(HifiGanMel), **(config.get("features_conf") or {})}
        tracker = (config.get("model_conf") or {}).get("f0_tracker", DEFAULT_TRACKER)
        return cls(tracker, features_conf)


def extract_contours(
    data_dir: str | Path,
    train_config: str | Path,
    *,
    num_workers: int = 1,
    share: Share | None = None,
) -> None:
    """Write the contours of every utterance of a directory with ``wav.scp``.

    Does nothing where the configuration's prosody path is implicit, or where they are complete.

    Args:
        train_config: whose ``f0_tracker`` (of model_conf) and ``features_conf`` count.
        num_workers: processes, one CPU thread each; results do not depend on it.
        share: compute this share alone; a run without it writes the tables.

    Raises:
        FileNotFoundError: there is no ``wav.scp``.
        ValueError: a file is missing or broken; the message names utterance and file.
    """
    config = yaml.safe_load(Path(train_config).read_text(encoding="utf-8")) or {}
    if config.get("prosody_path", "implicit") == "implicit":
        logger.info("%s: implicit prosody path, no contours are needed", train_config)
        return
    settings, data_dir = ContourSettings.of_config(config), Path(data_dir)
    wavs = sorted(read_table(data_dir / "wav.scp").items())
    made_by = {**settings._asdict(), "version": VERSION, "data": data_signature(data_dir)}
    digest = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:8]
    record, folder = data_dir / "contours.json", data_dir / f"contours_{digest}"
    if record.is_file() and json.loads(record.read_text(encoding="utf-8"))["made_by"] == made_by:
        logger.info("%s: complete", record)
        return
    own = [each for place, each in enumerate(wavs) if share is None or share.has(place)]
    waiting = [each for each in own if not (folder / f"{each[0]}.npy").is_file()]
    with one_thread():
        spawn_map(
            partial(_extract, settings=settings, folder=folder),
            waiting,
            description=f"contours of {data_dir.name}",
            num_workers=num_workers,
        )
    if share is None:
        _write_tables(folder, [name for name, _ in wavs], made_by)


@lru_cache(maxsize=1)
def _features(conf: str) -> HifiGanMel:
    """Return the frontend of a worker process, built once."""
    return HifiGanMel(**json.loads(conf))


def _extract(item: tuple[str, str], settings: ContourSettings, folder: Path) -> None:
    """Write the contours of an utterance (runs in a worker)."""
    utterance, wav = item
    try:
        features = _features(json.dumps(settings.features_conf))
        contours = contours_of(read_audio(wav), features, settings.tracker)
    except ValueError as error:
        raise ValueError(f"{utterance}: {error}") from error
    with atomic_open(folder / f"{utterance}.npy", "wb") as stream:
        np.save(stream, contours)


def _write_tables(folder: Path, names: Iterable[str], made_by: Mapping[str, Any]) -> None:
    data_dir = folder.parent
    (data_dir / "contours.json").unlink(missing_ok=True)  # tables without it are not whole
    for other in data_dir.glob("contours_*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    remove_leftovers(folder)
    shares: dict[str, float] = {}
    unvoiced = []
    with (
        atomic_open(data_dir / "contours.scp") as scp,
        atomic_open(data_dir / "utt2prosody") as table,
    ):
        for name in names:
            path = folder / f"{name}.npy"
            contours = np.load(path)
            prosody = summarise(contours)
            shares[name] = prosody.voiced_frames / len(contours)
            numbers = f"{prosody.log_f0:.6f} {prosody.level:.6f} {prosody.log_rate:.6f}"
            scp.write(f"{name} {path}\n")
            table.write(f"{name} {numbers} {prosody.voiced_frames}\n")
            if np.isnan(prosody.log_f0):
                unvoiced.append(name)
    if unvoiced:
        logger.warning(
            f"{data_dir}: {len(unvoiced)} utterances without pitch, which count for level and rate "
            f"alone: {' '.join(unvoiced[:10])}"
        )
    low = low_voicing(shares)
    if low:
        logger.warning(
            f"{data_dir}: {len(low)} utterances are voiced for less than {LOW_VOICING:g} of the "
            f"set's median share (noise, whisper, or pitch outside the tracker's range?): "
            f"{' '.join(low[:10])}"
        )
    with atomic_open(data_dir / "contours.json") as stream:
        made = {"made_by": made_by, "unvoiced": unvoiced, "low_voicing": low}
        json.dump(made, stream, indent=2)


def low_voicing(shares: Mapping[str, float]) -> list[str]:
    """Return the names whose voiced share is below LOW_VOICING times the median, in order."""
    limit = LOW_VOICING * float(np.median(list(shares.values()))) if shares else 0.0
    return [name for name, share in shares.items() if share < limit]


def check_contours(data_dir: str | Path, settings: ContourSettings) -> None:
    """Raise ValueError unless a directory's contours are complete and made with the settings."""
    record = Path(data_dir) / "contours.json"
    remedy = "extract the contours again (p2v.sh, stage 6)"
    if not record.is_file():
        raise ValueError(f"{record}: missing; {remedy}")
    made_by = json.loads(record.read_text(encoding="utf-8"))["made_by"]
    for name, value in {**settings._asdict(), "version": VERSION}.items():
        if made_by.get(name) != value:
            found = made_by.get(name)
            raise ValueError(f"{record}: {name} {found}, the model's is {value}; {remedy}")


# ---------------------------------------------------------------- speakers


class SpeakerStatistics(NamedTuple):
    """What contours and tempo are relative to: means over a speaker's utterances."""

    log_f0: float
    level: float
    log_rate: float

    @classmethod
    def of(cls, utterances: Iterable[UtteranceProsody]) -> "SpeakerStatistics":
        """Return the means over utterances, of which those without pitch have no say in log_f0.

        Raises:
            ValueError: none has a pitch.
        """
        rows = np.array([each[:3] for each in utterances], dtype=np.float64).reshape(-1, 3)
        if np.isnan(rows[:, 0]).all():
            raise ValueError("no pitch found in the speaker's recordings; give one of clear speech")
        return cls(*map(float, np.nanmean(rows, axis=0)))


class SpeakerStatisticsTable:
    """Statistics of a speaker's *other* utterances, as the speaker vector is of another.

    An utterance whose speaker has no other voiced one is measured against itself; a speaker
    without any voiced utterance against the mean of all. Both are listed, and warned of.

    Args:
        utterances: (utterance, speaker, its prosody), each utterance once.

    Raises:
        ValueError: there is no voiced utterance at all.
    """

    def __init__(self, utterances: Iterable[tuple[str, str, UtteranceProsody]]):
        self._place: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        speakers: list[int] = []
        values: list[tuple[float, ...]] = []
        for utterance, speaker, prosody in utterances:
            self._place[utterance] = len(speakers)
            speakers.append(self._numbers.setdefault(speaker, len(self._numbers)))
            values.append(prosody[:3])
        self._speakers = np.array(speakers, dtype=np.int64)
        self._values = np.array(values, dtype=np.float64).reshape(-1, 3)
        self._known = ~np.isnan(self._values)
        self._values[~self._known] = 0.0
        self._sums, self._counts = (
            np.stack([np.bincount(self._speakers, weights=column) for column in array.T], axis=1)
            for array in (self._values, self._known)
        )
        if not self._known[:, 0].any():
            raise ValueError("no utterance has a pitch; check the audio, or take another tracker")
        self._mean = self._sums.sum(axis=0) / self._counts.sum(axis=0)
        names = np.array(list(self._numbers))
        self.unvoiced_speakers: list[str] = sorted(names[self._counts[:, 0] == 0].tolist())
        self.single_speakers: list[str] = sorted(names[self._counts[:, 1] == 1].tolist())
        for what, found in (
            ("without pitch, who get the mean of all", self.unvoiced_speakers),
            ("of one utterance, who get its own statistics", self.single_speakers),
        ):
            if found:
                logger.warning(
                    f"speaker statistics: {len(found)} of {len(names)} speakers {what}: "
                    f"{' '.join(found[:10])}"
                )

    @classmethod
    def from_directory(
        cls, directory: str | Path, other: str | Path | None = None
    ) -> "SpeakerStatisticsTable":
        """Return the table of ``utt2spk`` and ``utt2prosody`` of a set, or of it and another.

        Raises:
            FileNotFoundError: a table is missing.
            ValueError: an utterance stands in one table only, or a line is malformed.
        """
        folders = [Path(each) for each in (other, directory) if each is not None]
        rows = {row[0]: row for folder in folders for row in _read_directory(folder)}
        return cls(rows.values())

    def of_others(self, utterance: str, *excluded: str) -> np.ndarray:
        """Return the statistics (3,) of the speaker without this utterance and others excluded.

        Raises:
            ValueError: the utterance is unknown.
        """
        if utterance not in self._place:
            raise ValueError(f"{utterance}: not in utt2prosody; extract the contours again")
        speaker = self._speakers[self._place[utterance]]
        sums, counts = self._sums[speaker].copy(), self._counts[speaker].copy()
        for name in {utterance, *excluded}:
            place = self._place.get(name)
            if place is not None and self._speakers[place] == speaker:
                sums -= self._values[place]
                counts -= self._known[place]
        all_sums, all_counts = self._sums[speaker], self._counts[speaker]
        sums, counts = np.where(counts > 0, (sums, counts), (all_sums, all_counts))
        return np.where(counts > 0, sums / np.maximum(counts, 1), self._mean).astype(np.float32)

    def relative_log_rate(self, utterance: str) -> np.ndarray:
        """Return the log syllable rate (1,) less that of the speaker's other utterances."""
        others = self.of_others(utterance)
        return np.float32(self._values[self._place[utterance], 2:]) - others[2:]

    def speaker_index(self, utterance: str) -> int:
        """Return the speaker's number, in the order in which they were given."""
        return int(self._speakers[self._place[utterance]])


def _read_directory(folder: Path) -> Iterator[tuple[str, str, UtteranceProsody]]:
    speakers = dict(iterate_sorted_table(folder / "utt2spk"))
    for utterance, text in iterate_sorted_table(folder / "utt2prosody"):
        try:
            *numbers, voiced = text.split()
            log_f0, level, log_rate = map(float, numbers)
            prosody = UtteranceProsody(log_f0, level, log_rate, int(voiced))
            yield utterance, speakers[utterance], prosody
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{folder}/utt2prosody: {utterance}: expected a speaker in utt2spk and four "
                f"numbers, got {text!r:.80}; extract the contours again"
            ) from error
