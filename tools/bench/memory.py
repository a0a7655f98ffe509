"""How much memory a training pass needs beside weights and gradients (G6).

The peak of what is allocated between the start of forward and the end of backward, above
what there was before; gradients exist before, so they are in neither. On a CPU every
allocation is read from the profiler's trace, as the process's size knows nothing of
memory that is free but kept; on a GPU the allocator knows its peak.

The peak holds copies of weights and fresh weight gradients too, as much for a long batch
as for a short one. The goal is for activations: on a GPU they are nearly all of the peak of
the paper's batch; on a CPU, where that batch takes too long, it is judged by how much the
peak of one item of the paper's length in units grows with a step, the whole peak beside it.
"""

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch

from tools.bench.arithmetic import DecoderSizes
from tools.bench.cases import TINY_SIZES, Case, make_decoder, make_espnet_decoder, make_example
from tools.bench.decoder import training_passes
from tools.bench.goals import against
from tools.bench.measure import Options, Row

KIBIBYTE, MEBIBYTE = 2**10, 2**20


def measure(options: Options) -> list[Row]:
    """Return the peak of each implementation, its growth, and both over the naive loop's."""
    sizes, case = DecoderSizes(), Case(1, 120, 250)
    if options.device != "cpu":
        case = Case(30, 624, 250)
    if options.is_quick:
        sizes, case = TINY_SIZES, Case(2, 16, 4)
    half = replace(case, steps=case.steps // 2)
    peaks, saved = _measure(sizes, case, options.device)
    half_peaks, _ = _measure(sizes, half, options.device)
    growth = {name: (peaks[name] - half_peaks[name]) / half.steps for name in peaks}
    rows = []
    for name, peak in peaks.items():
        detail = f"saved for backward {saved[name] / MEBIBYTE:,.1f} MiB; "
        detail += f"grows by {growth[name] / KIBIBYTE:,.1f} KiB a step from {half}"
        rows.append(_row(f"{name} pass, peak", case, peak / MEBIBYTE, "MiB", detail))
    is_small = options.device == "cpu"
    for name in ("fast", "captured"):
        if name in peaks:
            a_step, whole = growth[name] / growth["naive"], peaks[name] / peaks["naive"]
            goal = against("G6", a_step if is_small else whole, options.device)
            what = f"{name} over naive (N), "
            small, large = (goal, {}) if is_small else ({}, goal)
            rows.append(_row(what + "activations a step", case, a_step, "x", **small))
            rows.append(_row(what + "whole peak", case, whole, "x", **large))
    return rows


def _measure(sizes: DecoderSizes, case: Case, device: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return bytes at the peak, and bytes saved for backward, by implementation."""
    decoders = (make_decoder(sizes, device), make_espnet_decoder(sizes, device))
    weights = [*decoders[0].parameters(), *decoders[1].parameters()]
    passes = training_passes(*decoders, make_example(sizes, case, device))
    peaks, saved = {}, {}
    for name in ("naive", "fast", "captured", "forced", "ESPnet"):
        if name in passes:
            peaks[name] = peak_bytes(passes[name], device)
            saved[name] = saved_bytes(passes[name], weights)
    return peaks, saved


def peak_bytes(function: Callable[[], object], device: str) -> int:
    """Return the most bytes allocated at once in a call; the first call makes the gradients."""
    function()
    if device != "cpu":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        function()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        function()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    return peak_of((e["ts"], e["args"]["Bytes"]) for e in events if e.get("name") == "[memory]")


def peak_of(changes: Iterable[tuple[float, int]]) -> int:
    """Return the highest sum of changes in order of time; 0 if it never rises.

    Args:
        changes: time and bytes, negative where memory is given back.
    """
    now = highest = 0
    for _, change in sorted(changes, key=lambda item: item[0]):
        now += change
        highest = max(highest, now)
    return highest


def saved_bytes(function: Callable[[], object], weights: Iterable[torch.Tensor]) -> int:
    """Return the bytes of all storages that forward saved for backward, each counted once.

    A tensor saved as a view counts with its whole storage.

    Args:
        function: forward and backward.
        weights: saved too, but there anyway: not counted.
    """
    known = {weight.untyped_storage().data_ptr() for weight in weights}
    storages: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        function()
    return sum(storages.values())


def _row(what: str, case: Case, value: float, unit: str, detail: str = "", **goal) -> Row:
    return Row("Memory of a training pass", what, str(case), value, unit, detail=detail, **goal)
