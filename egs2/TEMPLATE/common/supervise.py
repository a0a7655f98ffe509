#!/usr/bin/env python3
"""Run a command so that it and all its processes end when this process ends.

Usage: supervise.py COMMAND [ARGUMENT...]

A stage that outlived ``kill run.sh`` would write into the same files as the next
run. The command gets a process group of its own; signals sent here go to the whole
group, and a second process, which waits on a pipe that only this one holds open,
ends the group even after SIGKILL. Exits with the command's status, or 128 + signal.
"""

import contextlib
import os
import signal
import subprocess
import sys

GRACE_S = 10.0


def signal_group(group: int, number: int) -> None:
    """Send the signal to the process group, which may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def start_watcher(group: int) -> None:
    """Fork a process that kills the group once this one is gone, for whatever reason."""
    reading, writing = os.pipe()
    if os.fork() != 0:
        os.close(reading)
        return  # ``writing`` stays open until this process ends
    os.close(writing)
    os.setpgrp()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)  # a pipe behind run.sh must see its end
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.read(reading, 1)
    signal_group(group, signal.SIGKILL)
    os._exit(0)


def main(command: list[str]) -> int:
    """Run the command; return the status to exit with."""
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    received: list[int] = []
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=os.setpgrp)
    start_watcher(process.pid)

    def forward(number: int, _frame: object) -> None:
        received.append(number)
        # Background jobs of a shell ignore SIGINT, so all are asked in one way.
        signal_group(process.pid, signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup stays nohup
            signal.signal(number, forward)
    while True:
        try:
            status = process.wait(timeout=GRACE_S if received else None)
            break
        except subprocess.TimeoutExpired:
            signal_group(process.pid, signal.SIGKILL)
    if received:
        return 128 + received[0]
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
