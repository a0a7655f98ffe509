"""A whole training update of the paper's model: mels, all encoders, decoder, optimizer (G5).

On a GPU under bfloat16 autocast with the paper's batch of 30 utterances of 10 s; on a CPU
a small batch in float32, for orientation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.encoders import ProsodyEncoder, UnitEncoder
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.prosody2vec.model import Prosody2VecModel
from tools.bench.arithmetic import MELS_PER_SECOND
from tools.bench.goals import against
from tools.bench.measure import Options, Row, interleaved_seconds

NUM_UNITS, SPEAKER_DIM, PROSODY_DIM = 200, 192, 192
STRIDE_SAMPLES, FRAMES_PER_UNIT = 320, 2
FOREVER = 10**9


@dataclass(frozen=True)
class ModelSizes:
    """Widths of the whole model; the defaults are the paper's."""

    unit_channels: int = 512
    unit_lstm: int = 256
    prosody_channels: int = 1024
    attention_lstm: int = 1408
    decoder_lstm: int = 1024
    prenet: int = 256


TINY_MODEL = ModelSizes(8, 4, 16, 12, 10, 6)


def measure(options: Options) -> list[Row]:
    """Return mel frames a second of whole updates, attention free and given."""
    sizes, batch, seconds_each = ModelSizes(), 2, 2.0
    if options.device != "cpu":
        batch, seconds_each = 30, 10.0
    if options.is_quick:
        sizes, batch, seconds_each = TINY_MODEL, 2, 0.3
    data = make_batch(batch, seconds_each, options.device)
    updates = {
        name: make_update(make_model(sizes, steps, options.device), data, options.device)
        for name, steps in {"free": 0, "forced": FOREVER}.items()
    }
    seconds = interleaved_seconds(updates, options)
    frames = batch * int(seconds_each * MELS_PER_SECOND)
    precision = "float32" if options.device == "cpu" else "bfloat16 autocast"
    rows = []
    for name, time in seconds.items():
        value = frames / time
        goal = against("G5", value, options.device)
        detail = f"{time:.3f} s an update, {value / MELS_PER_SECOND:,.1f} x real time"
        setting = f"{batch} x {seconds_each:g} s, {precision}"
        what = f"whole update, attention {'given' if name == 'forced' else 'free'}"
        row = Row("Training", what, setting, value, "mel frames/s", detail=detail, **goal)  # type: ignore[arg-type]
        rows.append(row)
    return rows


def make_model(sizes: ModelSizes, forced_updates: int, device: str) -> Prosody2VecModel:
    """Return the model in train mode, seeded, without normalisation and SpecAugment."""
    torch.manual_seed(0)
    units = UnitEncoder(NUM_UNITS, channels=sizes.unit_channels, lstm_units=sizes.unit_lstm)
    prosody = ProsodyEncoder(channels=sizes.prosody_channels, output_dim=PROSODY_DIM)
    decoder = Prosody2VecDecoder(
        units.output_dim,
        SPEAKER_DIM + PROSODY_DIM,
        prenet_dim=sizes.prenet,
        attention_lstm_units=sizes.attention_lstm,
        decoder_lstm_units=sizes.decoder_lstm,
    )
    model = Prosody2VecModel(
        HifiGanMel(), None, None, units, prosody, decoder, forced_alignment_updates=forced_updates
    )
    return model.to(device).train()


def make_batch(batch: int, seconds_each: float, device: str) -> dict[str, torch.Tensor]:
    """Return noise of equal lengths, as ESPnet's collate function would give it."""
    generator = torch.Generator().manual_seed(0)
    samples = int(16000 * seconds_each)
    num_units = samples // STRIDE_SAMPLES // FRAMES_PER_UNIT
    data = {
        "speech": 0.1 * torch.randn(batch, samples, generator=generator),
        "units": torch.randint(NUM_UNITS, (batch, num_units), generator=generator),
        "unit_durations": torch.full((batch, num_units), FRAMES_PER_UNIT),
        "speaker_embedding": torch.randn(batch, SPEAKER_DIM, generator=generator),
    }
    for name in ("speech", "units", "unit_durations"):
        data[f"{name}_lengths"] = torch.full((batch,), data[name].size(1))
    return {name: tensor.to(device) for name, tensor in data.items()}


def make_update(
    model: Prosody2VecModel, data: dict[str, torch.Tensor], device: str
) -> Callable[[], torch.Tensor]:
    """Return a function that does one update as ESPnet's trainer does, and returns the loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def update() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            loss, _, _ = model(**data)
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    return update
