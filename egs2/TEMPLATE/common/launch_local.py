#!/usr/bin/env python3
"""Run a command, or an array of them, on this machine, each with its log.

Usage: run.pl [--max_jobs_run N] [--option VALUE ...] [JOB=1:n] LOG COMMAND [ARGUMENT ...]

At most N jobs (default: the processors of this machine) run at a time. Options that only a
cluster understands (--gpu, --mem, --num_threads, --name, ...) are taken and ignored. Exits
with 1 if a job failed. The name run.pl is the one that ``espnet2.bin.launch`` knows.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from launch_common import Request, footer, header, parse_request, report_failures

POLL_S = 0.05


def start(request: Request, job: int) -> subprocess.Popen:
    """Start the job with its output appended to its new log."""
    log, command = request.log_of(job), request.command_of(job)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(header(command, socket.gethostname()), encoding="utf-8")
    with open(log, "a", encoding="utf-8") as stream:
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
            )
        except OSError as error:
            stream.write(f"{error}\n")
            return subprocess.Popen(["false"])


def run(request: Request) -> list[int]:
    """Run all jobs; return the numbers of those that failed, sorted."""
    limit = int(request.options.get("max_jobs_run", os.cpu_count() or 1))
    waiting = list(request.jobs)
    running: dict[int, tuple[subprocess.Popen, float]] = {}
    failed = []
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                job = waiting.pop(0)
                running[job] = (start(request, job), time.monotonic())
            for job, (process, started) in list(running.items()):
                if process.poll() is None:
                    continue
                del running[job]
                elapsed_s = time.monotonic() - started
                with open(request.log_of(job), "a", encoding="utf-8") as stream:
                    stream.write(footer(process.returncode, elapsed_s))
                if process.returncode != 0:
                    failed.append(job)
            time.sleep(POLL_S)
    finally:
        for process, _ in running.values():
            process.terminate()
    return sorted(failed)


def main(words: list[str]) -> int:
    """Run what the words ask for; return the status to exit with."""
    program = Path(sys.argv[0]).name
    try:
        request = parse_request(words)
    except ValueError as error:
        print(f"{program}: {error}\n{__doc__}", file=sys.stderr)
        return 2
    # Leave through `finally` above, so that the jobs end with their launcher.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    failed = run(request)
    if failed:
        report_failures(program, request, failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
