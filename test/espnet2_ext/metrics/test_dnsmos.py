"""DNSMOS, by a package that need not be there."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from espnet2_ext.metrics.models import Dnsmos, dnsmos


def test_gives_the_package_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def run(waveform: np.ndarray, rate_hz: int) -> dict[str, float]:
        given.append((float(np.abs(waveform).max()), rate_hz))
        return {"ovrl_mos": 3.0, "sig_mos": 3.5, "bak_mos": 4.0, "p808_mos": 3.25}

    package = ModuleType("speechmos")
    package.dnsmos = SimpleNamespace(run=run)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "speechmos", package)
    assert dnsmos(np.full(100, 0.5)) == Dnsmos(3.0, 3.5, 4.0, 3.25)
    dnsmos(np.full(100, -2.0))
    assert given == [(0.5, 16000), (1.0, 16000)]


def test_a_package_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "speechmos", None)
    with pytest.raises(ValueError, match="pip install speechmos"):
        dnsmos(np.ones(100))


@pytest.mark.parametrize("waveform", [np.zeros(0), np.ones((2, 10)), np.full(10, np.nan)])
def test_refuses_what_is_no_waveform(waveform: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite samples"):
        dnsmos(waveform)
