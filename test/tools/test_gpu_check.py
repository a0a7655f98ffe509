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
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "check", ["free_pass_as_on_cpu", "forced_pass_as_on_cpu", "amp_as_float32",
              "generation_as_on_cpu"],
)  # fmt: skip
def test_check_holds_on_the_cpu_itself(check):
    row = getattr(gpu_checks, check)("cpu", TINY)
    assert row.is_met, row
    assert check != "amp_as_float32" or row.value > 0.0, "amp is not float32"


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


def test_training_resumes():
    row = gpu_checks.training_resumes("cpu")
    assert row.is_met, row.detail
    assert "after 4 updates" in row.detail


def test_a_broken_check_does_not_hide_the_others():
    def broken(device):
        raise RuntimeError("no kernel image\nis available")

    row = Row("Checks", "good", "", 0.0, "relative", "<= 1", True)
    rows, failures = gpu_check.run_checks({"broken": broken, "good": lambda device: row}, "cpu")
    assert rows == [row]
    assert failures == {"check broken": "RuntimeError: no kernel image"}


def test_page_and_exit_code(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu_check.page, "environment", lambda options: {"device": options.device})
    out = tmp_path / "GPU_RESULTS.md"
    for is_met, code in ((True, 0), (False, 1)):
        row = Row("Checks", "pass", "B1", 0.5, "relative", "<= 1", is_met)
        monkeypatch.setattr(gpu_checks, "CHECKS", {"one": lambda device, row=row: row})
        assert gpu_check.main(["--out", str(out), "--skip_bench"]) == code
    assert "| pass | B1 | 0.500 | relative | <= 1 | **no** |  |" in out.read_text()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_there_is_one_line_and_exit_code_2():
    done = subprocess.run([ROOT / "tools/gpu_check.sh"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("gpu_check: no CUDA device here")
