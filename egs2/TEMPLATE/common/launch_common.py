"""What the local and the Slurm launcher share: the command line and the log files.

Both are called as Kaldi's run.pl and slurm.pl are, which is what ``espnet2.bin.launch``
expects of its ``--cmd``::

    run.pl [--option VALUE ...] [JOB=FIRST:LAST] LOG COMMAND [ARGUMENT ...]

With ``JOB=1:8`` the command runs eight times, and the word JOB in the log's name and in
the arguments is replaced by 1 to 8. Unlike Kaldi's, the command is no shell text: its
arguments arrive as they are written.
"""

import re
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

LOG_TAIL_LINES = 20


@dataclass(frozen=True)
class Request:
    """One call of a launcher."""

    options: dict[str, str]  # without dashes, "-" as "_"
    job_name: str | None  # the word to replace, None when there is no array
    jobs: range  # job numbers, one job without an array
    log: str
    command: list[str]

    def substitute(self, text: str, job: int | str) -> str:
        """Return the text with the job's number in place of the job's name."""
        return text.replace(self.job_name, str(job)) if self.job_name else text

    def log_of(self, job: int) -> Path:
        """Return the path of the job's log."""
        return Path(self.substitute(self.log, job))

    def command_of(self, job: int) -> list[str]:
        """Return the job's command."""
        return [self.substitute(word, job) for word in self.command]


def parse_request(words: list[str]) -> Request:
    """Return the call that the words after the launcher's name make.

    Raises:
        ValueError: an option without value, a malformed array, a log whose name lacks
            the job's, or no command.
    """
    words = list(words)
    options: dict[str, str] = {}
    job_name, jobs = None, range(1, 2)
    while words and (words[0].startswith("-") or re.match(r"^[A-Z]+=", words[0])):
        word = words.pop(0)
        if word.startswith("-"):
            if not words:
                raise ValueError(f"option {word} needs a value")
            options[word.lstrip("-").replace("-", "_")] = words.pop(0)
            continue
        job_name, _, limits = word.partition("=")
        match = re.fullmatch(r"(\d+)(?::(\d+))?", limits)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(f"expected {job_name}=FIRST:LAST, got {word}")
        jobs = range(int(match[1]), int(match[2] or match[1]) + 1)
    if len(words) < 2:
        raise ValueError("expected LOG COMMAND [ARGUMENT ...]")
    if job_name and len(jobs) > 1 and job_name not in words[0]:
        raise ValueError(f"{len(jobs)} jobs would write one log: put {job_name} into {words[0]}")
    return Request(options, job_name, jobs, words[0], words[1:])


def header(command: list[str], host: str) -> str:
    """Return the first lines of a log."""
    return f"# {shlex.join(command)}\n# Running on {host}\n# Started at {time.ctime()}\n#\n"


def footer(code: int, elapsed_s: float) -> str:
    """Return the last line of a log, which tells success from failure."""
    return f"# Ended (code {code}) at {time.ctime()}, elapsed time {elapsed_s:.0f} seconds\n"


def has_succeeded(log: Path) -> bool:
    """Return whether the log ends as the log of a job that returned 0."""
    if not log.exists():
        return False
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return bool(lines) and lines[-1].startswith("# Ended (code 0)")


def report_failures(program: str, request: Request, failed: list[int]) -> None:
    """Print which jobs failed and the end of the first failed log, to stderr."""
    log = request.log_of(failed[0])
    share = f"{len(failed)} / {len(request.jobs)}"
    print(f"{program}: {share} failed, log is in {log}", file=sys.stderr)
    if log.exists():
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines[-LOG_TAIL_LINES:]:
            print(f"{program}: | {line}", file=sys.stderr)
