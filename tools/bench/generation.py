"""Generation: faster than the audio lasts, and cheaper an utterance in a batch (G11)."""

from collections.abc import Callable

from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.decoding import Generated, GenerationLimits, generate
from espnet2_ext.prosody2vec.memory import Memory
from espnet2_ext.vocoder.griffin_lim import GriffinLim
from tools.bench.arithmetic import (
    MELS_PER_SECOND,
    DecoderSizes,
    decoder_macs,
    generation_floor_seconds,
)
from tools.bench.cases import Case, make_decoder, make_example
from tools.bench.goals import against
from tools.bench.machine import measure_machine, rate
from tools.bench.measure import Options, Row, interleaved_seconds

BATCH = 16
FRAMES_PER_UNIT = 2.5


def measure(options: Options) -> list[Row]:
    """Return real-time factors of one utterance, with and without vocoder, and of a batch."""
    sizes, units = DecoderSizes(), 50
    if options.is_quick:
        sizes, units = DecoderSizes(8, 6, 80, 5, 16, 5, 2, 3, 12), 4
    decoder = make_decoder(sizes, options.device, "auto").eval()
    case = Case(BATCH, int(FRAMES_PER_UNIT * units), units)
    batch = make_example(sizes, case, options.device).memory
    one = Memory(batch.encoded[:1], batch.shared[:1], batch.mask[:1])
    machine = measure_machine(options)
    seconds = interleaved_seconds(_functions(decoder, one, batch), options)
    audio_s = case.steps / MELS_PER_SECOND
    flop = 2 * case.steps * sum(decoder_macs(sizes, units).values())
    floors = {
        size: case.steps * generation_floor_seconds(sizes, units, size, machine)
        for size in (1, BATCH)
    }
    detail = f"{audio_s:.1f} s of audio in {seconds['one']:.2f} s, {rate(flop, seconds['one'])}, "
    detail += f"{floors[1] / seconds['one']:.0%} of the floor's speed"
    both = (seconds["one"] + seconds["vocoder"]) / audio_s
    throughput = BATCH * seconds["one"] / seconds["batch"]
    batch_detail = f"{BATCH * audio_s:.1f} s of audio in {seconds['batch']:.2f} s, "
    batch_detail += f"{rate(BATCH * flop, seconds['batch'])}, "
    batch_detail += f"{floors[BATCH] / seconds['batch']:.0%} of the floor's speed"
    alone = f"B1 T{case.steps} U{units}"
    return [
        _row("mel, real-time factor", alone, seconds["one"] / audio_s, detail),
        _row("Griffin-Lim, real-time factor", alone, seconds["vocoder"] / audio_s, "on the CPU"),
        _row(
            "mel and Griffin-Lim, real-time factor",
            alone,
            both,
            "",
            **against("G11", both, options.device),
        ),
        _row(
            f"batch of {BATCH} over one, throughput of mels",
            str(case),
            throughput,
            batch_detail,
            **against("G11 batch", throughput, options.device),
        ),
    ]


def _functions(
    decoder: Prosody2VecDecoder, one: Memory, batch: Memory
) -> dict[str, Callable[[], object]]:
    """Return what is timed: random weights never stop, so that every item has full length."""
    limits = GenerationLimits(
        stop_threshold=1.0 - 1e-7,
        min_frames_per_unit=FRAMES_PER_UNIT - 1e-3,
        max_frames_per_unit=FRAMES_PER_UNIT,
    )

    def speak(memory: Memory) -> list[Generated]:
        return generate(decoder, memory, limits)

    mel = speak(one)[0].mel.float().cpu().numpy()
    vocoder = GriffinLim()
    return {
        "one": lambda: speak(one),
        "batch": lambda: speak(batch),
        "vocoder": lambda: vocoder(mel),
    }


def _row(what: str, setting: str, value: float, detail: str, **goal) -> Row:
    return Row("Generation", what, setting, value, "x", detail=detail, **goal)
