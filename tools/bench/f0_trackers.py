"""Which F0 tracker makes the contours of the explicit prosody path best, and at what cost.

``python -m tools.bench.f0_trackers`` puts speech of known F0 (f0_speech.py) through every tracker
that is installed, clean, in noise and through a telephone's band, at the mel's frames, with and
without ``clean_f0``, and writes f0_trackers.md beside this file. One thread; minutes.
"""

import argparse
import importlib.util
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.corpora.mini_emo.speech import paired_voices
from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.metrics.pitch import (
    CEILING_HZ,
    FLOOR_HZ,
    F0Contour,
    describe_f0,
    f0_contour,
)
from espnet2_ext.prosody2vec.contours import DEFAULT_TRACKER, clean_f0, f0_at
from tools.bench import page
from tools.bench.f0_speech import CONDITIONS, KINDS, Speech, monotone, synthesize
from tools.bench.measure import Options

OUT = Path(__file__).with_suffix(".md")
HOP_LENGTH = 256
FRAME_S = HOP_LENGTH / SAMPLE_RATE_HZ
BOUNDARY_S = 0.01
"""So near to a change of voicing, either answer is right."""
GROSS_RATIO = 0.2
OCTAVE_TOLERANCE = 0.25
"""In octaves, of an error of one octave up or down."""
COST_LIMIT = 0.1
"""Share of real time on one core: 1,000 hours of speech in 100 core hours."""
SENTENCE = "The quick brown fox said that seven ships were lost."
STEPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as tracked": lambda f0_hz: f0_hz,
    "limit": partial(clean_f0, min_run_frames=1),
    "clean_f0": clean_f0,
}
"""Limit is the first half of ``clean_f0``: no voiced run is taken away for being short."""
RAW, CLEANED = "as tracked", "clean_f0"

Tracker = Callable[[np.ndarray], F0Contour]

# ---------------------------------------------------------------- trackers


def _swift() -> Tracker:
    from swift_f0 import SwiftF0

    detector = SwiftF0(threads=1)

    def track(waveform: np.ndarray) -> F0Contour:
        found = detector.detect(waveform.astype(np.float32), SAMPLE_RATE_HZ, FLOOR_HZ, CEILING_HZ)
        times_s, f0_hz = np.asarray(found.timestamps), np.asarray(found.pitch_hz)
        return F0Contour(times_s, np.where(np.asarray(found.confidence) >= 0.5, f0_hz, 0.0))

    return track


def _pesto() -> Tracker:
    import pesto

    model = pesto.load_model("mir-1k_g7", step_size=1000 * FRAME_S)

    def track(waveform: np.ndarray) -> F0Contour:
        samples = torch.as_tensor(waveform, dtype=torch.float32)
        with torch.inference_mode():
            found, confidence, *_ = model(samples, SAMPLE_RATE_HZ, convert_to_freq=True)
        f0_hz = found.double().numpy()
        inside = (f0_hz >= FLOOR_HZ) & (f0_hz <= CEILING_HZ) & (confidence.numpy() >= 0.5)
        return F0Contour(np.arange(len(f0_hz)) * FRAME_S, np.where(inside, f0_hz, 0.0))

    return track


def _crepe() -> Tracker:
    import torchcrepe

    def track(waveform: np.ndarray) -> F0Contour:
        f0_hz, periodicity = torchcrepe.predict(
            torch.as_tensor(waveform, dtype=torch.float32)[None],
            SAMPLE_RATE_HZ,
            HOP_LENGTH,
            FLOOR_HZ,
            CEILING_HZ,
            model="tiny",
            return_periodicity=True,
            batch_size=512,
        )
        voiced = torchcrepe.filter.median(periodicity, 3) >= 0.21
        f0 = torch.where(voiced, f0_hz, 0.0)[0].double().numpy()
        return F0Contour(np.arange(len(f0)) * FRAME_S, f0)

    return track


OPTIONAL: dict[str, tuple[str, str, Callable[[], Tracker], str]] = {
    "swift-f0": ("swift_f0", "swift-f0", _swift, "confidence of 0.5 or more, every 16 ms"),
    "pesto": ("pesto", "pesto-pitch", _pesto, "mir-1k_g7, confidence of 0.5 or more, every 16 ms"),
    "crepe-tiny": (
        *("torchcrepe", "torchcrepe", _crepe),
        "Viterbi, smoothed periodicity of 0.21 or more (its README), every 16 ms",
    ),
}
"""Name: module, package that carries the weights, what builds it, and how it is used."""
BUILT_IN = ("dio", "praat", "harvest")


def installed() -> dict[str, Callable[[], Tracker]]:
    """Return what builds each tracker that can be had here, by name."""
    found: dict[str, Callable[[], Tracker]] = {
        name: partial(partial, f0_contour, method=name) for name in BUILT_IN
    }
    return found | {
        name: build
        for name, (module, _, build, _) in OPTIONAL.items()
        if importlib.util.find_spec(module)
    }


# ---------------------------------------------------------------- errors


class Errors(NamedTuple):
    """Counts of frames, which add up over utterances.

    ``cents`` is the sum of the absolute error over frames voiced in both without a gross error.
    """

    voiced: int = 0
    unvoiced: int = 0
    missed: int = 0
    false_alarms: int = 0
    gross: int = 0
    octaves: int = 0
    cents: float = 0.0

    def __add__(self, other: "Errors") -> "Errors":  # type: ignore[override]
        return Errors(*(one + two for one, two in zip(self, other, strict=True)))

    @property
    def percent(self) -> dict[str, float]:
        """Return the columns: %, of the frames that each can happen in, and cents."""
        both = self.voiced - self.missed
        wrong = self.missed + self.false_alarms + self.gross
        return {
            "wrong": _share(wrong, self.voiced + self.unvoiced),
            "missed": _share(self.missed, self.voiced),
            "false alarms": _share(self.false_alarms, self.unvoiced),
            "gross": _share(self.gross, both),
            "octave": _share(self.octaves, both),
            "cents": self.cents / max(1, both - self.gross),
        }


def _frames(errors: Errors) -> int:
    return errors.voiced + errors.unvoiced


def _share(part: float, whole: float) -> float:
    return 100.0 * part / max(1, whole)


def compare(f0_hz: np.ndarray, true_hz: np.ndarray, judged: np.ndarray) -> Errors:
    """Return the errors of F0 (T,) against the true one (T,), 0 where unvoiced, at frames judged.

    Source: Chu and Alwan 2009 (F0 frame error; gross above 20 %).
    """
    f0_hz, true_hz = f0_hz[judged], true_hz[judged]
    found, voiced = f0_hz > 0.0, true_hz > 0.0
    ratio = f0_hz[found & voiced] / true_hz[found & voiced]
    octaves = np.abs(np.log2(ratio))
    gross = np.abs(ratio - 1.0) > GROSS_RATIO
    return Errors(
        int(voiced.sum()),
        int((~voiced).sum()),
        int((voiced & ~found).sum()),
        int((found & ~voiced).sum()),
        int(gross.sum()),
        int((np.abs(octaves - 1.0) < OCTAVE_TOLERANCE).sum()),
        float(1200.0 * octaves[~gross].sum()),
    )


def judged_frames(f0_hz: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return where no change of voicing is within 10 ms, of F0 (N,) at samples, centres (T,)."""
    changes = np.flatnonzero(np.diff(f0_hz > 0.0)) + 0.5
    if not len(changes):
        return np.ones(len(centres), dtype=bool)
    distance = np.abs(centres[:, None] - changes).min(axis=1)
    return distance > BOUNDARY_S * SAMPLE_RATE_HZ


# ---------------------------------------------------------------- measuring


class Result(NamedTuple):
    """Errors of one tracker and step in one condition and kind of speech."""

    tracker: str
    step: str
    condition: str
    kind: str
    errors: Errors


def measure_tracker(
    name: str, track: Tracker, utterances: Sequence[Speech]
) -> tuple[list[Result], float]:
    """Return a result for each utterance, condition and step, and the cost.

    The cost is processor seconds, of all threads, for each second of speech. A tracker above
    COST_LIMIT hears the first utterance of each kind alone.
    """
    kinds: set[str] = set()
    track(utterances[0].waveform[:SAMPLE_RATE_HZ])  # what is built at the first call is not counted
    results, spent_s, length_s = [], 0.0, 0.0
    for seed, utterance in enumerate(utterances):
        if utterance.kind in kinds and spent_s > COST_LIMIT * length_s:
            continue
        kinds.add(utterance.kind)
        centres = np.arange(len(utterance.waveform) // HOP_LENGTH + 1) * HOP_LENGTH
        centres = centres[centres < len(utterance.f0_hz)]
        true_hz, judged = utterance.f0_hz[centres], judged_frames(utterance.f0_hz, centres)
        for condition, change in CONDITIONS.items():
            waveform = change(utterance.waveform, seed)
            start_s = time.process_time()
            contour = track(waveform)
            spent_s += time.process_time() - start_s
            length_s += len(waveform) / SAMPLE_RATE_HZ
            f0_hz = f0_at(contour, centres / SAMPLE_RATE_HZ)
            for step, clean in STEPS.items():
                errors = compare(clean(f0_hz), true_hz, judged)
                results.append(Result(name, step, condition, utterance.kind, errors))
    return results, spent_s / length_s


def total(results: Iterable[Result], **wanted: str) -> Errors:
    """Return the sum of the errors of the results whose fields are as wanted."""
    chosen = (
        result.errors
        for result in results
        if all(getattr(result, name) == value for name, value in wanted.items())
    )
    return sum(chosen, start=Errors())


def mean_wrong(results: Sequence[Result], tracker: str, step: str) -> float:
    """Return the share of wrong frames in %, mean over the conditions."""
    per_condition = (
        total(results, tracker=tracker, step=step, condition=condition).percent["wrong"]
        for condition in CONDITIONS
    )
    return float(np.mean(list(per_condition)))


def step_helps(results: Sequence[Result], tracker: str, step: str = CLEANED) -> bool:
    """Return whether a step lowers wrong frames, summed over noise, and adds none when clean."""
    change = {
        condition: pick(step=step).percent["wrong"] - pick(step=RAW).percent["wrong"]
        for condition in CONDITIONS
        for pick in [partial(total, results, tracker=tracker, condition=condition)]
    }
    noise = sum(value for name, value in change.items() if name.endswith("dB"))
    return noise < 0.0 and change["clean"] <= 0.0


# ---------------------------------------------------------------- the page


def conclusion(results: Sequence[Result], costs: Mapping[str, float]) -> list[str]:
    """Return what the figures say of the default, as sentences."""
    wrong = {name: mean_wrong(results, name, RAW) for name in costs}
    ranked = sorted(costs, key=lambda name: wrong[name])
    cheap = [name for name in ranked if costs[name] <= COST_LIMIT]
    own = [name for name in cheap if name in BUILT_IN]
    says = {name: f"{name} ({wrong[name]:.1f} %, {costs[name]:.3f} of real time)" for name in costs}
    lines = [
        f"Wrong frames, mean over the conditions, best first: {', '.join(map(says.get, ranked))}."
    ]  # type: ignore[arg-type]
    if not own:
        return [*lines, f"None of the package's own costs at most {COST_LIMIT:g} of real time."]
    lines.append(
        f"The default of `model_conf.f0_tracker` should be **{own[0]}**: the fewest wrong frames "
        f"of the trackers that need no other package and cost at most {COST_LIMIT:g} of real time "
        f"(1,000 hours: {1000 * costs[own[0]]:,.0f} core hours). Today it is {DEFAULT_TRACKER}."
    )
    if cheap[0] != own[0]:
        lines.append(
            f"{cheap[0]} would be better ({wrong[cheap[0]]:.1f} %) where its package "
            f"{OPTIONAL[cheap[0]][1]} is installed."
        )
    for step in list(STEPS)[1:]:
        helped = [name for name in costs if step_helps(results, name, step)]
        lines.append(
            f"`{step}` lowers wrong frames in noise and adds none in clean speech with "
            f"{', '.join(helped) or 'no tracker'}."
        )
    return lines


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _cells(errors: Errors, wanted: Sequence[str]) -> list[str]:
    return [f"{errors.percent[name]:.1f}" for name in wanted]


def render(
    results: Sequence[Result],
    flat: Sequence[Result],
    costs: Mapping[str, float],
    facts: Mapping[str, str],
    command: str,
) -> str:
    """Return the page as markdown.

    Args:
        results: of the synthetic speech.
        flat: of mini_emo's voices in monotone, whose voicing is not known.
        costs: by tracker.
        facts: of the environment.
        command: that makes the page again.
    """
    columns = ("wrong", "missed", "false alarms", "gross", "octave", "cents")
    voiced = total(results, tracker=next(iter(costs)), step=RAW, condition="clean")
    lines = [
        *("# F0 trackers", "", f"<!-- Made by `{command}`; do not edit. -->", ""),
        *conclusion(results, costs),
        "",
        f"Synthetic speech with an exactly known F0 ({', '.join(KINDS)}), "
        f"{_frames(voiced):,} mel frames in each condition, {voiced.voiced:,} of them voiced (a "
        f"tracker slower than {COST_LIMIT:g} of real time gets the first utterance of each kind "
        "alone); frames within 10 ms of a change of voicing are not judged. Errors in % of "
        "the frames that each can happen in. wrong: missed, false alarm or gross, of all (F0 frame "
        "error); missed: voiced, called unvoiced; false alarms: unvoiced, called voiced; gross: "
        "F0 more than 20 % off, of frames voiced in both; octave: those of them near twice or "
        "half the F0; cents: mean absolute error of the rest. White noise against the power of "
        "the whole utterance; telephone: 300 to 3400 Hz by way of 8 kHz. Cost: processor seconds "
        "for a second of speech, all conditions, one thread.",
        "",
        *(f"- {name}: `{value}`" for name, value in facts.items()),
        *(f"- {name}: {describe_f0(name)}" for name in BUILT_IN),
        *(
            f"- {name}: package {package}, {use}{'' if name in costs else '; **not measured**'}"
            for name, (_, package, _, use) in OPTIONAL.items()
        ),
        f"- command: `{command}`",
        "",
        *("## Cost", ""),
        *_table(
            (
                "tracker",
                "of real time",
                "core hours for 1,000 h",
                *(f"mean wrong, {step}" for step in STEPS),
                "frames",
            ),
            [
                [name, f"{cost:.3f}", f"{1000 * cost:,.0f}"]
                + [f"{mean_wrong(results, name, step):.1f}" for step in STEPS]
                + [f"{_frames(total(results, tracker=name, step=RAW)):,}"]
                for name, cost in costs.items()
            ],
        ),
    ]
    for condition in CONDITIONS:
        lines += [f"## {condition[0].upper()}{condition[1:]}", ""]
        rows = []
        for name in costs:
            pick = partial(total, results, tracker=name, condition=condition)
            rows += [[f"{name}, {step}", *_cells(pick(step=step), columns)] for step in STEPS]
        lines += _table(("tracker", *columns), rows)
    for condition in ("clean", "10 dB"):
        lines += [f"## Wrong frames by kind of speech, {condition} (octave errors)", ""]
        rows = []
        for name in costs:
            pick = partial(total, results, tracker=name, condition=condition, step=RAW)
            errors = [pick(kind=kind).percent for kind in KINDS]
            rows.append([name, *(f"{each['wrong']:.1f} ({each['octave']:.1f})" for each in errors)])
        lines += _table(("tracker", *KINDS), rows)
    if flat:
        lines += _flat_lines(flat, costs)
    return "\n".join(lines)


def _flat_lines(flat: Sequence[Result], costs: Mapping[str, float]) -> list[str]:
    """Return the section of mini_emo."""
    rows = []
    for name in costs:
        for step in STEPS:
            row = [f"{name}, {step}"]
            for condition in CONDITIONS:
                errors = total(flat, tracker=name, step=step, condition=condition)
                called = 100 - errors.percent["missed"]
                row.append(f"{errors.percent['gross']:.1f} / {called:.0f}")
            rows.append(row)
    voices = len({result.kind for result in flat})
    return [
        "## eSpeak NG, the speech of mini_emo, in monotone",
        "",
        f"{voices} voices at a pitch range of 0, so that F0 is one number each (the median of "
        "Praat's, clean; flutter about 1.5 %). Which frames are voiced is not known, so: gross "
        "errors, % of the frames called voiced / frames called voiced, % of all.",
        "",
        *_table(("tracker", *CONDITIONS), rows),
    ]


# ---------------------------------------------------------------- command


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser("python -m tools.bench.f0_trackers", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="utterances of each kind")
    parser.add_argument("--voices", type=int, default=2, help="of mini_emo, at most 14")
    parser.add_argument(
        "--only", nargs="+", choices=[*BUILT_IN, *OPTIONAL], help="these, in this order"
    )
    parser.add_argument("--out", type=Path, default=OUT)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Measure and write the page."""
    words = sys.argv[1:] if cmd is None else cmd
    arguments = get_parser().parse_args(words)
    torch.set_num_threads(1)
    options: Any = Options()
    facts = {name: value for name, value in page.environment(options).items() if name != "timing"}
    speech = [synthesize(kind, seed) for seed in range(arguments.repeats) for kind in KINDS]
    voices = [voice for prefix in "ie" for voice in paired_voices(prefix, 0)][: arguments.voices]
    spoken = [monotone(voice, SENTENCE) for voice in voices]
    results: list[Result] = []
    flat: list[Result] = []
    costs: dict[str, float] = {}
    command = shlex.join(["python", "-m", "tools.bench.f0_trackers", *words])
    builders = installed()
    for name in arguments.only or builders:
        track = builders[name]()
        found, costs[name] = measure_tracker(name, track, speech)
        results += found
        flat += measure_tracker(name, track, spoken)[0] if spoken else []
        print(f"{name}: {costs[name]:.3f} of real time", flush=True)
        with atomic_open(arguments.out) as stream:  # whole after each, as some take long
            stream.write(render(results, flat, costs, facts, command))
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
