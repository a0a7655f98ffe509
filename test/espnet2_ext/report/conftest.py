"""A tiny model, a data directory that it can be probed on, and vectors made by hand."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.tables import write_table
from espnet2_ext.prosody2vec.encoders import ProsodyEncoder
from espnet2_ext.prosody2vec.mels import HifiGanMel, normalised_mels
from espnet2_ext.report.probes import KINDS, PROSODY, UNITS, UNTRAINED, ProbeSet
from espnet2_ext.report.probes import SPEAKER_VECTOR as SPEAKER


class TinyModel(torch.nn.Module):
    """Of a Prosody2Vec model what probes need: mels and the prosody encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.features = HifiGanMel()
        self.prosody_encoder = ProsodyEncoder(
            80,
            8,
            aggregation_channels=12,
            attention_channels=4,
            bottleneck_channels=4,
            res2net_scale=4,
            output_dim=5,
        )

    def mels(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return normalised_mels(self.features, None, speech, speech_lengths)


@pytest.fixture
def tiny_model() -> TinyModel:
    torch.manual_seed(5)  # Not that of the untrained encoder, which would be the same.
    return TinyModel().eval()


@pytest.fixture
def probe_data_dir(tmp_path: Path, make_pulses: Callable[..., np.ndarray]) -> Path:
    """Return ``parallel``: 3 voices (120, 140, 160 Hz) x 3 sentences x 2 emotions.

    Happy is half an octave higher, sentence 2 has four units and the others three.
    """
    path = tmp_path / "parallel"
    utterances = []
    units, durations, vectors = {}, {}, {}
    for (number, speaker), sentence, emotion in product(
        enumerate("abc"), range(3), ("neutral", "happy")
    ):
        key = f"{speaker}-{sentence}-{emotion}"
        wav = tmp_path / "wav" / f"{key}.wav"
        wav.parent.mkdir(exist_ok=True)
        f0_hz = (120 + 20 * number) * (2**0.5 if emotion == "happy" else 1.0)
        soundfile.write(wav, make_pulses(f0_hz, 0.3 + 0.05 * sentence), 16000)
        utterances.append(
            Utterance(key, speaker, str(wav), text=f"Sentence {sentence}!", emotion=emotion)
        )
        units[key] = " ".join(map(str, [sentence, 4, sentence, 3][: 3 + (sentence == 2)]))
        durations[key] = " ".join(["2"] * len(units[key].split()))
        vectors[key] = np.eye(3)[number] + 0.01 * sentence
    write_data_directory(path, utterances)
    write_table(path / "units_tiny", units)
    write_table(path / "unit_durations_tiny", durations)
    write_ark_scp(path / "spk_embed.scp", vectors)
    return path


@pytest.fixture
def make_probe_set() -> Callable[..., ProbeSet]:
    """Return a factory: 5 voices x 4 sentences x 2 emotions, vectors that each know one thing.

    The prosody vector knows the emotion, the speaker vector the voice, units the
    sentence, and the untrained encoder nothing.
    """

    def one_hot(names: np.ndarray) -> np.ndarray:
        return 20.0 * np.equal(names[:, None], np.unique(names))

    def make(**changes: object) -> ProbeSet:
        labels = np.array(list(product("abcde", ["one", "two", "three", "four"], ["sad", "happy"])))
        speakers, sentences, emotions = labels.T
        noise = np.random.default_rng(0).normal(size=(40, 2))
        pitch = np.where(emotions == "happy", 5.0, -5.0) + 0.1 * noise[:, 0]
        vectors = {
            PROSODY: np.hstack([one_hot(emotions), noise, pitch[:, None]]),
            UNTRAINED: np.random.default_rng(1).normal(size=(40, 4)),
            SPEAKER: one_hot(speakers),
            UNITS: one_hot(sentences),
        }
        data = ProbeSet(
            name="parallel",
            listed=41,
            speakers=speakers,
            sentences=sentences,
            has_words=np.ones(40, dtype=bool),
            emotions=emotions,
            vectors={kind: vectors[kind] for kind in KINDS},
            targets={"F0 mean": pitch, "level": np.arange(40.0) % 7},
            lacking=(),
        )
        return replace(data, **changes)

    return make
