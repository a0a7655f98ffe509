"""Where results came from: versions, code and machine."""

import datetime
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from espnet2_ext import __version__
from espnet2_ext.report.results import TEXT, Record

ENVIRONMENT = "Environment"
"""Title of the table."""


def git_commit(directory: str | Path | None = None) -> str:
    """Return the short hash of the code, ``+`` behind it if changed since; "" outside git.

    Args:
        directory: inside the repository; None for this package's.
    """
    place = Path(__file__).parent if directory is None else Path(directory)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(place), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short", "HEAD")
        return commit + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def environment_records(device: str = "cpu") -> list[Record]:
    """Return the environment block of ESPnet's result pages as records.

    Args:
        device: on which the model ran, ``cpu`` or ``cuda``.
    """
    facts = {
        "date": datetime.date.today().isoformat(),
        "python version": platform.python_version(),
        "espnet version": _version("espnet"),
        "pytorch version": _version("torch"),
        "espnet2_ext version": __version__,
        "Git hash": git_commit() or "unknown",
        "device": _device_name(device),
        "CPU cores": str(len(os.sched_getaffinity(0))),
    }
    return [
        Record(ENVIRONMENT, name, "value", value, TEXT, 1, "", "", "")
        for name, value in facts.items()
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device_name(device: str) -> str:
    if device == "cpu":
        return f"CPU ({platform.machine()})"
    import torch

    return torch.cuda.get_device_name(device)
