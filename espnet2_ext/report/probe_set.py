"""What probes read from, and what they read: vectors and labels of one data directory."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.data.rejected import read_rejected
from espnet2_ext.data.table import read_int_table
from espnet2_ext.data.table_set import DataDirectoryError
from espnet2_ext.data.utterance import Utterance
from espnet2_ext.metrics.prosody_measures import ProsodyMeasures, measure_prosody
from espnet2_ext.prosody2vec.espnet_model import Prosody2VecModel
from espnet2_ext.prosody2vec.prosody_vectors import prosody_vectors, untrained_encoder
from espnet2_ext.ser.attributes import attributes_of, read_utterances
from espnet2_ext.units.pooled import pooled_units

logger = logging.getLogger(__name__)

PROSODY, UNTRAINED = "prosody vector", "untrained encoder"
SPEAKER, UNITS = "speaker vector", "units"
KINDS = (PROSODY, UNTRAINED, SPEAKER, UNITS)
"""Rows of the tables."""

F0_MEAN, F0_IN_VOICE, F0_RANGE = "F0 mean", "F0 in voice", "F0 range"
RATE, LEVEL = "speaking rate", "level"

MAX_UTTERANCES = 2000
"""More than this many of a directory are thinned by a seeded draw, which is said."""


@dataclass(frozen=True)
class ProbeSet:
    """Labels and vectors of n utterances.

    Attributes:
        name: of the data directory.
        listed: utterances that it lists, rejected ones too.
        speakers: (n,).
        sentences: (n,) normalised words; an utterance without words is a sentence of its
            own.
        has_words: (n,) bool, whether its sentence is known.
        emotions: (n,); None where there is no ``utt2emo``.
        vectors: ``{kind: (n, dim)}``.
        targets: ``{measure: (n,)}``, nan where an utterance has none.
        lacking: what the directory does not know of speakers and sentences, in words.
    """

    name: str
    listed: int
    speakers: np.ndarray
    sentences: np.ndarray
    has_words: np.ndarray
    emotions: np.ndarray | None
    vectors: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    lacking: tuple[str, ...]

    @property
    def shared_sentences(self) -> np.ndarray:
        """Return (n,) whether an utterance's sentence is said by several speakers."""
        said: dict[str, set[str]] = {}
        for sentence, speaker in zip(self.sentences.tolist(), self.speakers.tolist(), strict=True):
            said.setdefault(sentence, set()).add(speaker)
        several = np.array([len(said[sentence]) > 1 for sentence in self.sentences.tolist()])
        return self.has_words & several


def read_probe_set(
    data_dir: str | Path,
    model: Prosody2VecModel,
    *,
    unit_tag: str,
    max_utterances: int = MAX_UTTERANCES,
    num_workers: int = 1,
    seed: int = 0,
) -> ProbeSet:
    """Return labels and vectors of a data directory.

    Args:
        data_dir: holds ``wav.scp utt2spk spk_embed.scp units_<tag> unit_durations_<tag>``
            and, where known, ``utt2emo`` and ``text``.
        model: trained, in eval mode.
        unit_tag: which units.
        max_utterances: see `MAX_UTTERANCES`.
        num_workers: processes that measure pitch.
        seed: of the draw and of the untrained encoder.

    Raises:
        DataDirectoryError: a table is missing or lacks an utterance.
        AudioError: a file is missing or broken.
    """
    data_dir = Path(data_dir)
    every = read_utterances(data_dir)
    utterances = _draw(data_dir, every, max_utterances, seed)
    units = _int_rows(data_dir / f"units_{unit_tag}", utterances)
    vectors = {
        SPEAKER: _speaker_vectors(data_dir / "spk_embed.scp", utterances),
        UNITS: _unit_vectors(data_dir, unit_tag, units, utterances),
    }
    wavs = [utterance.wav for utterance in utterances.values()]
    measures = measure_prosody(wavs, num_workers)
    encoders = {
        PROSODY: model.prosody_encoder,
        UNTRAINED: untrained_encoder(model.prosody_encoder, seed),
    }
    vectors |= prosody_vectors(model, encoders, wavs)
    attributes = attributes_of(data_dir.name, utterances)
    known = attributes.values
    speakers = np.array([known["speaker"].get(k, u.speaker) for k, u in utterances.items()])
    emotions = [u.emotion for u in utterances.values() if u.emotion is not None]
    return ProbeSet(
        name=data_dir.name,
        listed=len(every) + len(read_rejected(data_dir).keys() - every.keys()),
        speakers=speakers,
        # An id that is no sentence: normalised words hold no line break.
        sentences=np.array([known["sentence"].get(key, f"\n{key}") for key in utterances]),
        has_words=np.array([key in known["sentence"] for key in utterances]),
        emotions=np.array(emotions) if emotions else None,
        vectors={kind: vectors[kind] for kind in KINDS},
        targets=_targets(measures, [len(row) for row in units], speakers),
        lacking=tuple(
            f"{name}s: {attributes.lacking[name]}"
            for name in ("speaker", "sentence")
            if name in attributes.lacking
        ),
    )


def _draw(
    data_dir: Path, utterances: dict[str, Utterance], most: int, seed: int
) -> dict[str, Utterance]:
    """Return the utterances to probe, sorted by id."""
    if len(utterances) <= most:
        return utterances
    logger.info("%s: probing a draw of %d of %d utterances", data_dir, most, len(utterances))
    drawn = np.random.default_rng(seed).choice(sorted(utterances), most, replace=False)
    return {key: utterances[key] for key in sorted(drawn.tolist())}


def _int_rows(path: Path, utterances: Mapping[str, Utterance]) -> list[list[int]]:
    """Return the integers of each utterance."""
    if not path.is_file():
        raise DataDirectoryError(f"{path}: missing; run the stage that extracts units")
    table = read_int_table(path)
    _check_complete(path, table, utterances)
    return [table[key] for key in utterances]


def _unit_vectors(
    data_dir: Path, unit_tag: str, units: list[list[int]], utterances: Mapping[str, Utterance]
) -> np.ndarray:
    """Return (n, units) shares of time, over units up to the highest one that is there."""
    path = data_dir / f"unit_durations_{unit_tag}"
    durations = _int_rows(path, utterances)
    num_units = 1 + max(max(row) for row in units)
    rows = []
    for key, row, lengths in zip(utterances, units, durations, strict=True):
        try:
            rows.append(pooled_units(row, lengths, num_units))
        except ValueError as error:
            raise DataDirectoryError(f"{path}: {key}: {error}; extract the units again") from error
    return np.stack(rows)


def _speaker_vectors(path: Path, utterances: Mapping[str, Utterance]) -> np.ndarray:
    """Return (n, speaker_dim)."""
    if not path.is_file():
        raise DataDirectoryError(f"{path}: missing; run extract_speaker_vectors first")
    table = load_ark_scp(path)
    _check_complete(path, table, utterances)
    return np.stack([np.asarray(table[key]) for key in utterances])


def _check_complete(path: Path, table: Mapping[str, object], utterances: Mapping) -> None:
    for key in utterances:
        if key not in table:
            raise DataDirectoryError(f"{path}: {key}: missing; run the stage that writes it again")


def _targets(
    measures: list[ProsodyMeasures], num_units: list[int], speakers: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what vectors are correlated with; pitch in semitones, as it is heard."""
    f0_hz = np.array([m.f0_mean_hz or np.nan for m in measures])
    f0_mean = 12.0 * np.log2(f0_hz)
    in_voice = f0_mean.copy()
    for speaker in set(speakers.tolist()):
        own = (speakers == speaker) & np.isfinite(f0_mean)
        in_voice[own] -= f0_mean[own].mean() if own.any() else 0.0
    ranges = [m.f0_range_semitones for m in measures]
    return {
        F0_MEAN: f0_mean,
        F0_IN_VOICE: in_voice,
        F0_RANGE: np.array([np.nan if value is None else value for value in ranges]),
        RATE: np.array([n / m.duration_s for n, m in zip(num_units, measures, strict=True)]),
        LEVEL: np.array([m.level_db for m in measures]),
    }
