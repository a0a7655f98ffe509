"""run.pl and slurm.pl look-alikes, and the supervisor that ends what a killed run left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2
from reference.fake_slurm import write_sbatch

COMMON = EGS2 / "TEMPLATE/common"
DEADLINE_S = 120.0  # a loaded machine may take long to start a process
CONFIGURATION = """# comment
command sbatch --export=ALL
option name=* --job-name $0
default gpu=0
option gpu=0 --partition cpu
option gpu=* --partition gpu --gres gpu:$0
"""


def run(name: str, *words: object) -> subprocess.CompletedProcess:
    """Run a program of the templates in the current directory."""
    command = [str(COMMON / name), *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a recipe directory the current one in which sbatch is a fake; return it."""
    programs = write_sbatch(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/slurm.conf").write_text(CONFIGURATION)
    return tmp_path


# ---------------------------------------------------------------- local
def test_local_writes_header_output_and_footer(directory):
    result = run("run.pl", "--gpu", 0, "--mem", "4G", "new/a.log", "echo", "one two", "$HOME")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    lines = (directory / "new/a.log").read_text().splitlines()
    assert lines[0] == "# echo 'one two' '$HOME'"
    assert lines[1].startswith("# Running on ")
    assert lines[2].startswith("# Started at ")
    assert lines[4] == "one two $HOME", "arguments arrive as written, no shell reads them"
    assert lines[-1].startswith("# Ended (code 0) at ")


def test_local_failure_shows_the_end_of_the_log(directory):
    for command, code, shown in (
        (["bash", "-c", "echo why it broke >&2; exit 3"], 3, "why it broke"),
        (["/no/such/program"], 1, "/no/such/program"),
    ):
        result = run("run.pl", "a.log", *command)
        assert result.returncode == 1
        assert "run.pl: 1 / 1 failed, log is in a.log" in result.stderr and shown in result.stderr
        assert f"# Ended (code {code})" in (directory / "a.log").read_text()


def test_local_array_runs_so_many_jobs_at_a_time_and_names_the_failed(directory):
    script = "mkdir JOB; ls -d [0-9] | wc -l; sleep 0.2; rmdir JOB; [ JOB != 2 ]"
    result = run("run.pl", "--max_jobs_run", 2, "JOB=1:5", "x.JOB.log", "bash", "-c", script)
    assert result.returncode == 1
    assert "1 / 5 failed, log is in x.2.log" in result.stderr
    logs = [(directory / f"x.{job}.log").read_text().splitlines() for job in range(1, 6)]
    assert [f"mkdir {job};" in log[0] for job, log in enumerate(logs, 1)] == [True] * 5
    assert max(int(log[4]) for log in logs) <= 2


def test_malformed_calls_say_what_is_wrong(directory):
    for words, message in (
        (["a.log"], "expected LOG COMMAND"),
        (["JOB=3:1", "a.JOB.log", "true"], "expected JOB=FIRST:LAST"),
        (["JOB=1:2", "a.log", "true"], "2 jobs would write one log: put JOB into a.log"),
        (["--gpu"], "option --gpu needs a value"),
    ):
        result = run("run.pl", *words)
        assert result.returncode == 2 and message in result.stderr
    assert not list(directory.glob("*.log"))


def test_espnet_launch_finds_and_uses_the_launcher(directory):
    """The command line is the one that p2v.sh gives to ``espnet2.bin.launch``."""
    launch = pytest.importorskip("espnet2.bin.launch")
    arguments = ["--cmd", f"{COMMON}/run.pl --name t", "--log", "train.log", "--ngpu", "0"]
    launch.main([*arguments, "--", "echo", "trained"])
    log = (directory / "train.log").read_text()
    assert "trained --ngpu 0 --multiprocessing_distributed True" in log


# ---------------------------------------------------------------- slurm
ESPNET_CONFIGURATION = """# Default configuration
command sbatch --export=PATH
option name=* --job-name $0
option mem=* --mem-per-cpu $0
option mem=0
option num_threads=* --cpus-per-task $0
option num_threads=1 --cpus-per-task 1
default gpu=0
option gpu=0 -p cpu
option gpu=* -p gpu --gres=gpu:$0 -c $0  # Recommend allocating more CPU
# note: the --max-jobs-run option is supported as a special case
"""


def test_slurm_submits_waits_and_logs(directory):
    result = run(
        "slurm.pl", "--gpu", 2, "--name", "train", "log/a.log", "echo", "it's $HOME", "a b"
    )
    assert result.returncode == 0, result.stderr
    lines = (directory / "log/a.log").read_text().splitlines()
    assert lines[4] == "it's $HOME a b"
    assert lines[-1].startswith("# Ended (code 0)")
    arguments = " ".join((directory / "sbatch.arguments").read_text().split())
    assert arguments.startswith("--export=ALL --partition gpu --gres gpu:2 --job-name train ")
    assert " --wait " in arguments


def test_slurm_array_runs_every_job_and_reports_the_failed(directory):
    command = ("bash", "-c", "echo JOB; [ JOB != 3 ]")
    result = run("slurm.pl", "--max_jobs_run", 2, "JOB=1:3", "log/x.JOB.log", *command)
    assert result.returncode == 1
    assert "slurm.pl: 1 / 3 failed, log is in log/x.3.log" in result.stderr
    assert (directory / "log/x.2.log").read_text().splitlines()[4] == "2"
    arguments = (directory / "sbatch.arguments").read_text().split()
    assert arguments[arguments.index("--array") + 1] == "1-3%2"
    assert arguments[1:3] == ["--partition", "cpu"], "the default of --gpu"


def test_slurm_needs_the_footer_of_this_run(directory):
    result = run("slurm.pl", "a.log", "bash", "-c", "kill -KILL $PPID")
    assert result.returncode == 1 and "1 / 1 failed" in result.stderr
    (directory / "a.log").write_text("# Ended (code 0)\n")  # of an earlier run
    (directory / "programs/sbatch").write_text("#!/bin/sh\nexit 1\n")
    assert run("slurm.pl", "a.log", "true").returncode == 1


def test_slurm_configuration_of_espnet_is_understood_and_errors_name_the_file(directory):
    configuration = directory / "conf/slurm.conf"
    configuration.write_text(ESPNET_CONFIGURATION)
    options = ["--gpu", "2", "--num_threads", "4", "--mem", "0"]
    result = run("slurm.pl", *options, "a.log", "true")
    assert result.returncode == 0, result.stderr
    words = (directory / "sbatch.arguments").read_text().split()
    assert words[:8] == "--export=PATH -p gpu --gres=gpu:2 -c 2 --cpus-per-task 4".split()
    for line, message in (
        ("nonsense here", "conf/slurm.conf:1: expected command"),
        ("", "no rule for --name x"),
    ):
        configuration.write_text(line)
        result = run("slurm.pl", "--name", "x", "a.log", "true")
        assert result.returncode == 2 and message in result.stderr


# ---------------------------------------------------------------- supervise
def wait_until(condition) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_supervised_processes_end_with_the_supervisor(directory, number):
    """A grandchild that ignores SIGINT, as background jobs of scripts do, ends as well."""
    script = "sleep 60 & echo $! > pid.new; mv pid.new pid; wait"
    process = subprocess.Popen([sys.executable, COMMON / "supervise.py", "bash", "-c", script])
    wait_until((directory / "pid").exists)
    stat = Path(f"/proc/{(directory / 'pid').read_text().strip()}/stat")
    assert stat.exists()
    process.send_signal(number)
    status = process.wait(timeout=DEADLINE_S)
    wait_until(lambda: not stat.exists() or ") Z " in stat.read_text())
    assert status == (-number if number == signal.SIGKILL else 128 + number)


def test_supervise_returns_the_status_of_the_command():
    for script, status in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)):
        result = run("supervise.py", "bash", "-c", f"echo out; {script}")
        assert (result.returncode, result.stdout) == (status, "out\n")
