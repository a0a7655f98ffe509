"""Give generated mels back the contrast that a mean squared error takes away.

Where a model is unsure it says the mean, so its spectra are flatter than speech: peaks too
low, valleys too high. The voice then sounds quiet and muffled, and a pitch tracker may
find no pitch in it. How much is lost is measured once, on validation utterances that are
generated from their own units and prosody, and every band is stretched about its mean by
the factor that restores its variance.

Not in paper. Source: the idea is the global variance of statistical parametric speech
synthesis (Toda and Tokuda 2007), here as one gain a band and model, not an utterance's.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.table import read_int_table, read_table
from espnet2_ext.prosody2vec.converter import ConversionRequest, Prosody2VecConverter

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contrast:
    """What one model's mels lack; all (M,), in normalised mels.

    Attributes:
        generated_mean: of generated frames.
        true_mean: of the frames they should have been.
        gain: standard deviation of those over that of the generated ones, at least 1.
    """

    generated_mean: np.ndarray
    true_mean: np.ndarray
    gain: np.ndarray

    @classmethod
    def between(cls, generated: np.ndarray, true: np.ndarray) -> "Contrast":
        """Return the contrast that turns mean and variance of one into the other's.

        Args:
            generated: (T, M) frames, of many utterances together.
            true: (T', M) frames.
        """
        spread = np.maximum(generated.std(axis=0), 1.0e-3)
        return cls(
            generated.mean(axis=0), true.mean(axis=0), np.maximum(true.std(axis=0) / spread, 1.0)
        )

    @classmethod
    def load(cls, path: str | Path) -> "Contrast":
        """Return what a ``<model>.contrast.json`` says.

        Raises:
            FileNotFoundError: there is none; converting pairs with restore_contrast writes it.
        """
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(*(np.array(kept[name]) for name in cls.__dataclass_fields__))

    def restore(self, mel: torch.Tensor) -> torch.Tensor:
        """Return a normalised mel (T, M) with the contrast of speech."""
        generated_mean, true_mean, gain = (
            torch.as_tensor(each, dtype=mel.dtype, device=mel.device)
            for each in (self.generated_mean, self.true_mean, self.gain)
        )
        return true_mean + gain * (mel - generated_mean)


def model_contrast(
    converter: Prosody2VecConverter,
    model_file: str | Path,
    data_dir: str | Path,
    unit_tag: str,
    *,
    max_utterances: int = 64,
    batch_size: int = 16,
) -> Contrast:
    """Return the contrast of a model; ``<model>.contrast.json`` keeps it beside the weights.

    Args:
        converter: of the model.
        model_file: its weights.
        data_dir: validation set: wav.scp, units_<tag> and spk_embed.scp.
        unit_tag: which units.
        max_utterances: how many are generated, taken evenly from the list.
        batch_size: generated at a time.

    Raises:
        ValueError: the directory has no utterances.
        FileNotFoundError: it lacks a table.
    """
    model_file, data_dir = Path(model_file), Path(data_dir)
    units = read_int_table(data_dir / f"units_{unit_tag}")
    if not units:
        raise ValueError(f"{data_dir}/units_{unit_tag}: no utterances to measure the contrast on")
    names = list(units)[:: -(-len(units) // max_utterances)]
    key = hashlib.sha256(
        model_file.read_bytes() + repr((str(data_dir), names)).encode()
    ).hexdigest()
    path = model_file.with_suffix(".contrast.json")
    if path.is_file():
        if json.loads(path.read_text(encoding="utf-8"))["key"] == key:
            return Contrast.load(path)
    wavs, vectors = read_table(data_dir / "wav.scp"), load_ark_scp(data_dir / "spk_embed.scp")
    generated, true = [], []
    for start in range(0, len(names), batch_size):
        batch = names[start : start + batch_size]
        waveforms = [read_audio(wavs[name]) for name in batch]
        requests = [
            ConversionRequest(np.array(units[name]), waveform, np.asarray(vectors[name]))
            for name, waveform in zip(batch, waveforms, strict=True)
        ]
        generated += [each.mel.cpu().numpy() for each in converter.generate(requests)]
        true += [converter.normalised_mel(waveform) for waveform in waveforms]
    contrast = Contrast.between(np.concatenate(generated), np.concatenate(true))
    logger.info(
        f"contrast of {model_file}: gain {contrast.gain.mean():.2f} over {len(names)} utterances"
    )
    with atomic_open(path) as stream:
        json.dump({"key": key, **{k: v.tolist() for k, v in vars(contrast).items()}}, stream)
    return contrast
