"""Prosody vectors of many utterances, and an untrained encoder to compare them with."""

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from espnet2_ext.data.audio import read_audio
from espnet2_ext.prosody2vec.espnet_model import Prosody2VecModel

CHUNK_SIZE = 128
"""Utterances read at a time and sorted by length, so that batches hold little padding."""


@torch.no_grad()
def prosody_vectors(
    model: Prosody2VecModel,
    encoders: Mapping[str, nn.Module],
    wavs: Sequence[str],
    *,
    batch_size: int = 16,
) -> dict[str, np.ndarray]:
    """Return ``{encoder: (n, P)}``, one vector a file and in their order.

    Args:
        model: gives the normalised mels; in eval mode.
        encoders: ProsodyEncoder modules in eval mode, on the model's device.
        wavs: paths of the audio.
        batch_size: utterances at a time; vectors do not depend on it.

    Raises:
        AudioError: a file is missing or broken; the message names it.
        ValueError: a file is too short for a mel, a module is in train mode, or there are
            no files.
    """
    if not wavs:
        raise ValueError("no utterances to compute prosody vectors of")
    if model.training or any(encoder.training for encoder in encoders.values()):
        raise ValueError("prosody vectors need model and encoders in eval mode")
    rows: dict[str, list[np.ndarray]] = {name: [np.empty(0)] * len(wavs) for name in encoders}
    with tqdm(total=len(wavs), desc="prosody vectors", dynamic_ncols=True, mininterval=1.0) as bar:
        for start in range(0, len(wavs), CHUNK_SIZE):
            places = range(start, min(start + CHUNK_SIZE, len(wavs)))
            waveforms = {place: read_audio(wavs[place]) for place in places}
            order = sorted(places, key=lambda place: len(waveforms[place]))
            for first in range(0, len(order), batch_size):
                batch = order[first : first + batch_size]
                mels, lengths = _mels(model, [waveforms[p] for p in batch], wavs[batch[0]])
                for name, encoder in encoders.items():
                    vectors = encoder(mels, lengths).float().cpu().numpy()
                    for place, vector in zip(batch, vectors, strict=True):
                        rows[name][place] = vector
                bar.update(len(batch))
    return {name: np.stack(vectors) for name, vectors in rows.items()}


def untrained_encoder(encoder: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy with the weights that training starts from, in eval mode.

    What can be read from its vectors needs no training: a random network passes on much
    of its input.

    Args:
        encoder: gives the sizes and the device.
        seed: of the weights, which depend on it alone.

    Raises:
        ValueError: a module has weights but no way to draw them anew.
    """
    device = next(encoder.parameters()).device
    fresh = copy.deepcopy(encoder).cpu()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for module in fresh.modules():
            reset = getattr(module, "reset_parameters", None)
            if reset is not None:
                reset()
            elif next(module.parameters(recurse=False), None) is not None:
                raise ValueError(f"{type(module).__name__}: its weights cannot be drawn anew")
    return fresh.to(device).eval()


def _mels(
    model: Prosody2VecModel, waveforms: Sequence[np.ndarray], shortest: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return normalised mels (B, T, M) and lengths (B,); ``shortest`` names the first file."""
    device = next(model.parameters()).device
    speech = [torch.as_tensor(waveform, dtype=torch.float32) for waveform in waveforms]
    lengths = torch.tensor([len(waveform) for waveform in speech], device=device)
    try:
        return model.mels(pad_sequence(speech, batch_first=True).to(device), lengths)
    except ValueError as error:
        raise ValueError(f"{shortest}: {error}") from error
