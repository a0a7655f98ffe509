"""From pairs to what a converter is asked for: units, prosody and speaker vector of each."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.table import read_int_table, read_table
from espnet2_ext.prosody2vec.converter import ConversionRequest, Prosody2VecConverter
from espnet2_ext.prosody2vec.pairs import Pair
from espnet2_ext.prosody2vec.prosody_mix import weighted_prosody

BATCH_SIZE = 16
"""Utterances of mixes encoded at a time; their vectors do not depend on it."""


class PairRequests:
    """The tables of a dump directory, looked up by pair.

    Args:
        data_dir: holds wav.scp, units_<tag> and spk_embed.scp of all utterances named.
        unit_tag: which units.
        converter: encodes the prosody of mixes, each utterance once.

    Raises:
        FileNotFoundError: a table is missing.
    """

    def __init__(self, data_dir: str | Path, unit_tag: str, converter: Prosody2VecConverter):
        self.data_dir = Path(data_dir)
        self.converter = converter
        self.units_name = f"units_{unit_tag}"
        self.units = read_int_table(self.data_dir / self.units_name)
        self.wavs = read_table(self.data_dir / "wav.scp")
        self.speakers = load_ark_scp(self.data_dir / "spk_embed.scp")
        self._prosody: dict[str, np.ndarray] = {}

    def check(self, pairs: Iterable[Pair]) -> None:
        """Raise ValueError where a pair names an utterance that a table lacks."""
        for pair in pairs:
            needed: list[tuple[str, Mapping[str, object], str]] = [
                (self.units_name, self.units, pair.source),
                ("spk_embed.scp", self.speakers, pair.speaker),
                *(("wav.scp", self.wavs, name) for name in pair.prosody_utterances),
            ]
            for table_name, table, utterance in needed:
                if utterance not in table:
                    raise ValueError(
                        f"{self.data_dir / table_name}: {pair.pair_id} needs {utterance}, which "
                        "is not there; see rejected.tsv beside it"
                    )

    def num_units(self, pair: Pair) -> int:
        """Return how many units the source has."""
        return len(self.units[pair.source])

    def requests(self, pairs: Sequence[Pair]) -> list[ConversionRequest]:
        """Return what the converter is asked for, in the order of the pairs."""
        self._encode(name for pair in pairs if pair.mix for name in pair.prosody_utterances)
        return [
            ConversionRequest(
                np.array(self.units[pair.source]),
                None if pair.mix else read_audio(self.wavs[pair.prosody]),
                np.asarray(self.speakers[pair.speaker]),
                self._mixed(pair) if pair.mix else None,
            )
            for pair in pairs
        ]

    def _mixed(self, pair: Pair) -> np.ndarray:
        """Return the weighted sum (P,) of a pair's prosody vectors."""
        vectors = [self._prosody[name] for name, _ in pair.mix]
        return weighted_prosody(vectors, [weight for _, weight in pair.mix])

    def _encode(self, utterances: Iterable[str]) -> None:
        """Add the prosody vectors (P,) of the utterances that were not encoded before."""
        new = sorted(set(utterances) - self._prosody.keys())
        for start in range(0, len(new), BATCH_SIZE):
            names = new[start : start + BATCH_SIZE]
            waveforms = [read_audio(self.wavs[name]) for name in names]
            vectors = self.converter.prosody_embeddings(waveforms).float().cpu().numpy()
            self._prosody.update(zip(names, vectors, strict=True))
