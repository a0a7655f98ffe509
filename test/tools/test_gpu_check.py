"""The checks of a GPU, run on the CPU at tiny sizes; captured graphs need the real thing."""

import subprocess
from pathlib import Path

import pytest
import torch

from tools.bench import gpu_check, gpu_checks
from tools.bench.cases import TINY_SIZES, Case
from tools.bench.gpu_checks import Scale
from tools.bench.measure import Row

TINY = Scale(TINY_SIZES, Case(2, 6, 4))


def test_checks_hold_on_the_cpu_itself():
    for name in "free_pass_as_on_cpu forced_pass_as_on_cpu generation_as_on_cpu".split():
        row = getattr(gpu_checks, name)("cpu", TINY)
        assert row.is_met, row
    row = gpu_checks.amp_as_float32("cpu", TINY)
    assert row.is_met and row.value > 0.0, "amp is not float32"
    row = gpu_checks.training_resumes("cpu")
    assert row.is_met and "after 4 updates" in row.detail, row


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_captured_graphs():
    assert gpu_checks.captured_as_fast("cuda", TINY).is_met


def test_a_wrong_pass_is_found(monkeypatch):
    pass_of = gpu_checks._pass
    drift = iter([0.0, 1e-3])

    def drifting(*arguments):
        found = pass_of(*arguments)
        return {**found, "mels": found["mels"] + next(drift)}

    monkeypatch.setattr(gpu_checks, "_pass", drifting)
    assert gpu_checks.free_pass_as_on_cpu("cpu", TINY).is_met is False


def test_page_exit_code_and_a_broken_check_that_does_not_hide_the_others(monkeypatch, tmp_path):
    def broken(device):
        raise RuntimeError("no kernel image\nis available")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu_check.page, "environment", lambda options: {"device": options.device})
    out = tmp_path / "GPU_RESULTS.md"
    for is_met, more, code in ((True, {}, 0), (True, {"bad": broken}, 1), (False, {}, 1)):
        row = Row("Checks", "pass", "B1", 0.5, "relative", "<= 1", is_met)
        checks = {**more, "one": lambda device, row=row: row}
        monkeypatch.setattr(gpu_checks, "CHECKS", checks)
        assert gpu_check.main(["--out", str(out), "--skip_bench"]) == code
        met = "yes" if is_met else "**no**"
        assert f"| pass | B1 | 0.500 | relative | <= 1 | {met} |  |" in out.read_text()
        assert ("check bad | RuntimeError: no kernel image |" in out.read_text()) == bool(more)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_there_is_one_line_and_exit_code_2():
    script = Path(gpu_check.__file__).parents[1] / "gpu_check.sh"
    done = subprocess.run([script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("gpu_check: no CUDA device here")
