"""The damaged sources of one condition, as a data directory that a conversion reads."""

import zlib
from pathlib import Path

import numpy as np

from espnet2_ext.data.audio import read_audio, to_int16, write_flac
from espnet2_ext.data.degradation import add_noise, babble, reverberate, white_noise
from espnet2_ext.data.table import read_int_table, write_table
from espnet2_ext.metrics.measures import UnitEncoder
from espnet2_ext.metrics.unit_error_rate import unit_error_rate
from espnet2_ext.report.robustness_conditions import (
    AUDIO_KINDS,
    BABBLE,
    CLEAN,
    DROPPED,
    REPLACED,
    WHITE,
    Condition,
)
from espnet2_ext.report.robustness_set import StudySet
from espnet2_ext.units.corruption import drop_units, replace_units

NUM_TALKERS = 6
"""Voices of the babble: of so many no word is understood."""
MAX_DIFFERENCE = 0.05
"""Units of clean audio may differ this much from the table: another device, no more."""


class SourceDamage:
    """Damages sources, each always in the same way.

    Args:
        study: the clean data.
        encoder: makes the units of damaged audio.
        num_units: size of the codebook.
        seed: another one draws other places, noises and rooms.
    """

    def __init__(self, study: StudySet, encoder: UnitEncoder, num_units: int, seed: int) -> None:
        self.study = study
        self.encoder = encoder
        self.num_units = num_units
        self.seed = seed
        self._is_checked = False

    def write(self, condition: Condition, folder: str | Path) -> None:
        """Write a data directory whose units are those of the damaged sources.

        ``folder`` gets ``units_<tag> unit_durations_<tag>``, the clean ``wav.scp`` and
        ``spk_embed.scp`` of those who give prosody and voice and, where the audio was
        damaged, ``damaged_wav.scp`` and the audio itself.

        Raises:
            ValueError: the encoder makes other units of the clean sources than the table
                holds, or a source cannot be damaged in this way; the message names it.
        """
        folder, study = Path(folder), self.study
        if condition.kind in AUDIO_KINDS:
            self._check_encoder()
        damaged, wavs = {}, {}
        for source in study.sources:
            try:
                if condition.kind in AUDIO_KINDS:
                    wavs[source] = folder / "wav" / f"{source}.flac"
                    write_flac(wavs[source], to_int16(self.audio(condition, source)))
                    # From the file: what can be heard is what was encoded.
                    damaged[source] = self.encoder.encode(read_audio(wavs[source]))
                else:
                    damaged[source] = self.units(condition, source)
            except ValueError as error:
                raise ValueError(f"{study.path}: {source}: {condition.row}: {error}") from error
        for index, name in enumerate(("units", "unit_durations")):
            lines = {key: " ".join(map(str, both[index])) for key, both in damaged.items()}
            write_table(folder / f"{name}_{study.unit_tag}", lines)
        prosody = {name for pair in study.pairs for name in pair.prosody_utterances}
        write_table(folder / "wav.scp", {name: study.wavs[name] for name in prosody})
        vectors = {p.speaker: study.vectors[p.speaker] for p in study.pairs}
        write_table(folder / "spk_embed.scp", vectors)
        if wavs:
            write_table(folder / "damaged_wav.scp", wavs)

    def units(self, condition: Condition, source: str) -> tuple[np.ndarray, np.ndarray]:
        """Return units (U,) and run lengths (U,) of a source, its units damaged or clean."""
        units, run_lengths = self.study.units[source], self.study.run_lengths[source]
        generator = self._generator(condition, source)
        if condition.kind == REPLACED:
            return replace_units(units, run_lengths, condition.amount, self.num_units, generator)
        if condition.kind == DROPPED:
            return drop_units(units, run_lengths, condition.amount, generator)
        assert condition.kind == CLEAN
        return units, run_lengths

    def audio(self, condition: Condition, source: str) -> np.ndarray:
        """Return the waveform (N,) of a source, its audio damaged.

        Raises:
            ValueError: the source is silent, or there are too few others for a babble.
        """
        speech = read_audio(self.study.wavs[source])
        generator = self._generator(condition, source)
        if condition.kind == WHITE:
            return add_noise(speech, white_noise(len(speech), generator), condition.amount)
        if condition.kind == BABBLE:
            noise = babble(self._talkers(source, generator), len(speech), generator)
            return add_noise(speech, noise, condition.amount)
        return reverberate(speech, condition.amount, generator)

    def _generator(self, condition: Condition, source: str) -> np.random.Generator:
        """Return the same stream for every amount, so that amounts differ in nothing else."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{condition.kind} {source}".encode())])

    def _talkers(self, source: str, generator: np.random.Generator) -> list[np.ndarray]:
        """Return utterances of other speakers."""
        speaker = self.study.utt2spk[source]
        others = sorted(
            utterance
            for utterance, other in self.study.utt2spk.items()
            if other != speaker and utterance in self.study.wavs
        )
        if len(others) < NUM_TALKERS:
            raise ValueError(
                f"babble needs {NUM_TALKERS} utterances of other speakers than {speaker}, there "
                f"are {len(others)}; leave babble out (--noises white)"
            )
        chosen = generator.choice(others, NUM_TALKERS, replace=False)
        return [read_audio(self.study.wavs[utterance]) for utterance in chosen]

    def _check_encoder(self) -> None:
        """Raise ValueError unless clean audio has the units of the table; done once."""
        if self._is_checked:
            return
        rates = {
            source: _error_rate(units, self.encoder.encode(read_audio(self.study.wavs[source]))[0])
            for source, units in self.study.units.items()
        }
        mean = sum(rates.values()) / len(rates)
        if mean > MAX_DIFFERENCE:
            worst = max(rates, key=lambda source: rates[source])
            raise ValueError(
                f"{self.study.path}/units_{self.study.unit_tag}: {100 * mean:.0f} % of the units "
                f"of clean sources are not what the centroids make of their audio, for example "
                f"of {worst}; give the centroids they were made with"
            )
        self._is_checked = True


def input_error_rates(study: StudySet, folder: str | Path) -> dict[str, float]:
    """Return pair to the unit error rate of what the model was given, against the clean source.

    Args:
        study: the clean data.
        folder: written by ``SourceDamage.write``.
    """
    given = read_int_table(Path(folder) / f"units_{study.unit_tag}")
    return {
        pair.pair_id: unit_error_rate(study.units[pair.source].tolist(), given[pair.source])
        for pair in study.pairs
    }


def _error_rate(reference: np.ndarray, units: np.ndarray) -> float:
    return unit_error_rate(reference.tolist(), units.tolist())
