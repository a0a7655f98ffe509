#!/usr/bin/env python3
"""Submit a command, or an array of them, to Slurm and wait until all have ended.

Usage: slurm.pl [--config FILE] [--option VALUE ...] [JOB=1:n] LOG COMMAND [ARGUMENT ...]

The options (--gpu, --mem, --time, --num_threads, --num_nodes, --name, --max_jobs_run, ...)
become sbatch options by the configuration file (default conf/slurm.conf, Kaldi's format)::

    command sbatch --export=ALL     what is called
    option gpu=0 -p cpu             for --gpu 0
    option gpu=* -p gpu --gres=gpu:$0   for any other value, $0 being the value
    default gpu=0                   when the option is not given

Exits with 1 if a job failed, and cancels its jobs when it is ended itself. The name slurm.pl
is the one that ``espnet2.bin.launch`` knows for more than one node.
"""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from launch_common import Request, has_succeeded, parse_request, report_failures

TASK = '"${SLURM_ARRAY_TASK_ID:-1}"'


def read_configuration(path: Path) -> tuple[list[str], list[tuple[str, str, list[str]]], dict]:
    """Return the command's words, the rules (option, value, words) in order, the defaults.

    Raises:
        ValueError: a line is not of the three kinds; the message names file and line.
    """
    command, rules, defaults = ["sbatch"], [], {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        kind, rest = words[0], words[1:]
        name, equals, value = rest[0].partition("=") if rest else ("", "", "")
        if kind == "command" and rest:
            command = rest
        elif kind == "option" and equals:
            rules.append((name, value, rest[1:]))
        elif kind == "default" and equals:
            defaults[name] = value
        else:
            raise ValueError(f"{path}:{number}: expected command, option k=v or default k=v")
    return command, rules, defaults


def submission(request: Request, configuration: Path) -> list[str]:
    """Return sbatch's command line, without the script.

    Raises:
        ValueError: the configuration has no rule for an option.
    """
    command, rules, defaults = read_configuration(configuration)
    options = {**defaults, **request.options}
    options.pop("config", None)
    limit = options.pop("max_jobs_run", None)
    for name, value in options.items():
        fitting = [rule for rule in rules if rule[0] == name and rule[1] in (value, "*")]
        if not fitting:
            raise ValueError(f"{configuration}: no rule for --{name} {value}")
        exact = [rule for rule in fitting if rule[1] == value]
        command += [word.replace("$0", value) for word in (exact or fitting)[0][2]]
    if request.job_name:
        array = f"{request.jobs[0]}-{request.jobs[-1]}"
        command += ["--array", f"{array}%{limit}" if limit else array]
    return [*command, "--parsable", "--wait", "--output", "/dev/null"]


def quote(request: Request, text: str) -> str:
    """Return the text for bash, the job's name replaced by Slurm's number of the task."""
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    return request.substitute(quoted, f"'{TASK}'")


def script(request: Request) -> str:
    """Return the batch script: the command between a log's header and its footer."""
    words = " ".join(quote(request, word) for word in request.command)
    return f"""#!/usr/bin/env bash
cd {shlex.quote(os.getcwd())} || exit 1
[ ! -f path.sh ] || . ./path.sh
log={quote(request, request.log)}
started=${{SECONDS}}
{{
    echo '#' {shlex.quote(shlex.join(request.command))}
    echo "# Running on $(hostname), job ${{SLURM_JOB_ID:-}} task "{TASK}
    echo "# Started at $(date)"
    echo '#'
}} > "${{log}}"
{words} >> "${{log}}" 2>&1
code=$?
elapsed=$((SECONDS - started))
echo "# Ended (code ${{code}}) at $(date), elapsed time ${{elapsed}} seconds" >> "${{log}}"
exit ${{code}}
"""


def run(request: Request) -> list[int]:
    """Submit, wait, and return the numbers of the jobs whose log does not end well."""
    for job in request.jobs:
        log = request.log_of(job)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
    queue = Path(request.log).parent / "q"
    queue.mkdir(exist_ok=True)
    batch_script = queue / (Path(request.log).stem + ".sh")
    batch_script.write_text(script(request), encoding="utf-8")
    configuration = Path(request.options.get("config", "conf/slurm.conf"))
    command = [*submission(request, configuration), str(batch_script)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    job_id = ""
    try:
        assert process.stdout is not None
        job_id = process.stdout.readline().strip().split(";")[0]
        process.wait()
    finally:
        if process.poll() is None and job_id:
            subprocess.run(["scancel", job_id], check=False)
    return [job for job in request.jobs if not has_succeeded(request.log_of(job))]


def main(words: list[str]) -> int:
    """Run what the words ask for; return the status to exit with."""
    program = Path(sys.argv[0]).name
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        request = parse_request(words)
        failed = run(request)
    except (ValueError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    if failed:
        report_failures(program, request, failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
