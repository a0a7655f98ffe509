"""Tiny models and batches, as fixtures that a conftest.py imports."""

import pytest
import torch

from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.encoders import ProsodyEncoder, UnitEncoder
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.prosody2vec.memory import Memory, length_mask
from espnet2_ext.prosody2vec.model import Prosody2VecModel

PROSODY_ENCODER = {
    "channels": 8,
    "aggregation_channels": 12,
    "attention_channels": 4,
    "bottleneck_channels": 4,
    "res2net_scale": 4,
    "output_dim": 5,
}
DECODER = {
    "prenet_dim": 5,
    "prenet_dropout": 0.0,
    "attention_lstm_units": 8,
    "attention_dim": 5,
    "location_channels": 2,
    "location_kernel_size": 3,
    "decoder_lstm_units": 7,
}
NUM_UNITS = 7
SPEAKER_DIM = 3
ENCODED_DIM, SHARED_DIM = 4, 2


@pytest.fixture
def make_decoder():
    """Return a factory of decoders of the smallest sizes."""

    def make(reduction_factor: int = 1, implementation: str = "auto", dropout: float = 0.0):
        torch.manual_seed(1)
        sizes = {**DECODER, "prenet_dropout": dropout, "mel_dim": 4}
        return Prosody2VecDecoder(
            ENCODED_DIM,
            SHARED_DIM,
            reduction_factor=reduction_factor,
            implementation=implementation,
            **sizes,
        )

    return make


@pytest.fixture
def make_memory():
    """Return a factory of memories; the first item has all units, others by chance fewer."""

    def make(batch: int, num_units: int, dtype=torch.float64, lengths=None, seed: int = 4):
        generator = torch.Generator().manual_seed(seed)
        if lengths is None:
            lengths = torch.randint(1, num_units + 1, (batch,), generator=generator)
            lengths[0] = num_units
        mask = length_mask(torch.as_tensor(lengths), num_units)
        encoded = torch.randn(batch, num_units, ENCODED_DIM, dtype=dtype, generator=generator)
        shared = torch.randn(batch, SHARED_DIM, dtype=dtype, generator=generator)
        return Memory((encoded * mask[:, :, None]).requires_grad_(), shared.requires_grad_(), mask)

    return make


@pytest.fixture
def make_model():
    """Return a factory of whole models of the smallest sizes."""

    def make(reduction_factor: int = 1, **options):
        torch.manual_seed(2)
        unit_encoder = UnitEncoder(NUM_UNITS, 6, 3, 2, 4, dropout=0.0)
        prosody_encoder = ProsodyEncoder(80, **PROSODY_ENCODER)
        decoder = Prosody2VecDecoder(
            unit_encoder.output_dim, SPEAKER_DIM + 5, reduction_factor=reduction_factor, **DECODER
        )
        return Prosody2VecModel(
            HifiGanMel(), None, None, unit_encoder, prosody_encoder, decoder, **options
        )

    return make


@pytest.fixture
def batch():
    """Return a batch of two utterances of different length, as the collate function makes it."""
    torch.manual_seed(3)
    speech = 0.1 * torch.randn(2, 5000)
    speech[1, 3400:] = 0.0
    return {
        "speech": speech,
        "speech_lengths": torch.tensor([5000, 3400]),
        "units": torch.tensor([[1, 4, 2, 6], [3, 0, 0, 0]]),
        "units_lengths": torch.tensor([4, 1]),
        "unit_durations": torch.tensor([[4, 5, 3, 4], [11, 0, 0, 0]]),
        "unit_durations_lengths": torch.tensor([4, 1]),
        "speaker_embedding": torch.randn(2, SPEAKER_DIM),
        "utt_id": ["a", "b"],
    }
