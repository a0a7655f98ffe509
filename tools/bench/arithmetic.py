"""How much arithmetic the decoder is, and how fast it could run on this machine at best."""

from dataclasses import dataclass, replace

MELS_PER_SECOND = 62.5
"""16 kHz over a hop of 256."""


@dataclass(frozen=True)
class DecoderSizes:
    """Arguments of Prosody2VecDecoder; the defaults are the paper's.

    Source: [P2V] Table II; the memory is 512 of U2V beside 192 + 192 shared by all units.
    """

    encoded_dim: int = 512
    shared_dim: int = 384
    mel_dim: int = 80
    prenet_dim: int = 256
    attention_lstm_units: int = 1408
    attention_dim: int = 128
    location_channels: int = 32
    location_kernel_size: int = 31
    decoder_lstm_units: int = 1024

    @property
    def memory_dim(self) -> int:
        """D."""
        return self.encoded_dim + self.shared_dim


@dataclass(frozen=True)
class Machine:
    """What a device can do at best.

    Attributes:
        flop_per_second: of large matrix products.
        bytes_per_second: read from main memory.
    """

    flop_per_second: float
    bytes_per_second: float


LOOP_PARTS = (
    "context gates",
    "recurrent gates",
    "query",
    "location convolution",
    "location",
    "score",
    "context",
)
"""Parts that depend on the attention of the step before: they cannot leave the loop."""


def decoder_macs(sizes: DecoderSizes, num_units: int) -> dict[str, int]:
    """Return multiply-adds by part of one free decoder step of one item, forward.

    Args:
        sizes: of the decoder, one mel frame a step.
        num_units: U.
    """
    attention_gates, decoder_gates = 4 * sizes.attention_lstm_units, 4 * sizes.decoder_lstm_units
    filters = sizes.location_channels
    return {
        "prenet": sizes.mel_dim * sizes.prenet_dim + sizes.prenet_dim**2,
        "prenet gates": sizes.prenet_dim * attention_gates,
        "context gates": sizes.memory_dim * attention_gates,
        "recurrent gates": sizes.attention_lstm_units * attention_gates,
        "query": sizes.attention_lstm_units * sizes.attention_dim,
        "location convolution": 2 * sizes.location_kernel_size * filters * num_units,
        "location": filters * sizes.attention_dim * num_units,
        "score": sizes.attention_dim * num_units,
        "context": sizes.memory_dim * num_units,
        "decoder input gates": (sizes.attention_lstm_units + sizes.memory_dim) * decoder_gates,
        "decoder recurrent gates": sizes.decoder_lstm_units * decoder_gates,
        "projections": (sizes.decoder_lstm_units + sizes.memory_dim) * (sizes.mel_dim + 1),
    }


def loop_macs(sizes: DecoderSizes, num_units: int) -> int:
    """Return the multiply-adds of a step that must stay in the loop over steps."""
    macs = decoder_macs(sizes, num_units)
    return sum(macs[part] for part in LOOP_PARTS)


def espnet_macs(sizes: DecoderSizes, num_units: int) -> int:
    """Return the multiply-adds of a step of ESPnet's decoder: two LSTMs, both of one width.

    Args:
        sizes: of which the attention LSTM's width is not used.
        num_units: U.
    """
    units = sizes.decoder_lstm_units
    macs = decoder_macs(replace(sizes, attention_lstm_units=units), num_units)
    # Its second LSTM does not see the context.
    return sum(macs.values()) - sizes.memory_dim * 4 * units


def training_flop(sizes: DecoderSizes, num_units: int) -> int:
    """Return floating-point operations of one step of one item, forward and backward.

    A multiply-add is two; backward is two products for each one of forward.
    """
    return 3 * 2 * sum(decoder_macs(sizes, num_units).values())


def training_floor_seconds(
    sizes: DecoderSizes, num_units: int, batch: int, machine: Machine, bytes_per_weight: int = 4
) -> float:
    """Return the least seconds of one decoder step of a batch, forward and backward.

    What depends on the step before reads its weights once forward and once backward, or
    is bound by its products if those take longer; everything else runs at the speed of
    large products. What all units share enters once an utterance: it costs nothing here.

    Args:
        sizes: of the decoder.
        num_units: U.
        batch: B.
        machine: speeds.
        bytes_per_weight: 4 for float32.
    """
    needed = replace(sizes, shared_dim=0)
    total = sum(decoder_macs(needed, num_units).values())
    sequential = loop_macs(needed, num_units) + 4 * sizes.decoder_lstm_units**2
    product = 2 * batch / machine.flop_per_second  # seconds for each multiply-add
    weights_seconds = sequential_weights(needed) * bytes_per_weight / machine.bytes_per_second
    one_way = max(sequential * product, weights_seconds)
    # Forward and input gradients step by step; weight gradients of all steps at once.
    return 2 * one_way + sequential * product + 3 * (total - sequential) * product


def generation_floor_seconds(
    sizes: DecoderSizes, num_units: int, batch: int, machine: Machine, bytes_per_weight: int = 4
) -> float:
    """Return the least seconds of one generated step of a batch: every weight is read.

    Args:
        sizes: of the decoder.
        num_units: U.
        batch: B.
        machine: speeds.
        bytes_per_weight: 4 for float32.
    """
    needed = replace(sizes, shared_dim=0)
    macs = decoder_macs(needed, num_units)
    per_unit = ("location convolution", "location", "score", "context")
    weights = sum(count for part, count in macs.items() if part not in per_unit)
    products = 2 * batch * sum(macs.values()) / machine.flop_per_second
    return max(products, weights * bytes_per_weight / machine.bytes_per_second)


def sequential_weights(sizes: DecoderSizes) -> int:
    """Return how many weights a step cannot do without: the loop's and the decoder LSTM's."""
    gates = 4 * sizes.attention_lstm_units
    return (
        (sizes.memory_dim + sizes.attention_lstm_units) * gates
        + sizes.attention_lstm_units * sizes.attention_dim
        + sizes.location_channels * (2 * sizes.location_kernel_size + sizes.attention_dim)
        + sizes.attention_dim
        + 4 * sizes.decoder_lstm_units**2
    )
