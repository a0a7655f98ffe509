"""run.pl and slurm.pl look-alikes, and the supervisor that ends what a killed run left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reference.fake_slurm import write_sbatch

COMMON = Path(__file__).resolve().parents[2] / "egs2/TEMPLATE/common"
DEADLINE_S = 120.0  # a loaded machine may take long to start a process


def run(*words: object, **options) -> subprocess.CompletedProcess:
    command = [str(word) for word in words]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, **options)


def run_pl(*words: object, **options) -> subprocess.CompletedProcess:
    return run(COMMON / "run.pl", *words, **options)


def slurm_pl(*words: object) -> subprocess.CompletedProcess:
    return run(COMMON / "slurm.pl", *words)


# ---------------------------------------------------------------- local
def test_local_writes_header_output_and_footer(tmp_path):
    log = tmp_path / "new" / "a.log"
    result = run_pl("--gpu", 0, "--mem", "4G", log, "echo", "one two", "$HOME")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    lines = log.read_text().splitlines()
    assert lines[0] == "# echo 'one two' '$HOME'"
    assert lines[1].startswith("# Running on ")
    assert lines[2].startswith("# Started at ")
    assert lines[4] == "one two $HOME", "arguments arrive as written, no shell reads them"
    assert lines[-1].startswith("# Ended (code 0) at ")


@pytest.mark.parametrize(
    ("command", "code", "shown"),
    [
        (["bash", "-c", "echo why it broke >&2; exit 3"], 3, "why it broke"),
        (["/no/such/program"], 1, "/no/such/program"),
    ],
)
def test_local_failure_shows_the_end_of_the_log(tmp_path, command, code, shown):
    log = tmp_path / "a.log"
    result = run_pl(log, *command)
    assert result.returncode == 1
    assert f"run.pl: 1 / 1 failed, log is in {log}" in result.stderr and shown in result.stderr
    assert f"# Ended (code {code})" in log.read_text()


def test_local_array_replaces_job_and_names_the_failed(tmp_path):
    command = ["bash", "-c", "echo job JOB; [ JOB != 2 ]"]
    result = run_pl("JOB=1:3", tmp_path / "x.JOB.log", *command)
    assert result.returncode == 1
    assert f"1 / 3 failed, log is in {tmp_path}/x.2.log" in result.stderr
    for job in (1, 2, 3):
        assert f"\njob {job}\n" in (tmp_path / f"x.{job}.log").read_text()


def test_local_array_runs_no_more_jobs_at_a_time_than_asked(tmp_path):
    script = f"cd {tmp_path}; mkdir JOB; ls -d [0-9] | wc -l; sleep 0.2; rmdir JOB"
    arguments = ("--max_jobs_run", 2, "JOB=1:5", tmp_path / "x.JOB.log", "bash", "-c", script)
    assert run_pl(*arguments).returncode == 0
    counts = [int((tmp_path / f"x.{job}.log").read_text().splitlines()[4]) for job in range(1, 6)]
    assert max(counts) <= 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.log"], "expected LOG COMMAND"),
        (["JOB=3:1", "a.JOB.log", "true"], "expected JOB=FIRST:LAST"),
        (["JOB=1:2", "a.log", "true"], "2 jobs would write one log: put JOB into a.log"),
        (["--gpu"], "option --gpu needs a value"),
    ],
)
def test_malformed_calls_say_what_is_wrong(tmp_path, words, message):
    result = run_pl(*words, cwd=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_espnet_launch_finds_and_uses_the_launcher(tmp_path):
    """The command line is the one that p2v.sh gives to ``espnet2.bin.launch``."""
    launch = pytest.importorskip("espnet2.bin.launch")
    log = tmp_path / "train.log"
    arguments = ["--cmd", f"{COMMON}/run.pl --name t", "--log", str(log), "--ngpu", "0"]
    launch.main([*arguments, "--", "echo", "trained"])
    assert "trained --ngpu 0 --multiprocessing_distributed True" in log.read_text()


# ---------------------------------------------------------------- slurm
CONFIGURATION = """# comment
command sbatch --export=ALL
option name=* --job-name $0
default gpu=0
option gpu=0 --partition cpu
option gpu=* --partition gpu --gres gpu:$0
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recipe directory in which sbatch is a fake and conf/slurm.conf exists."""
    programs = write_sbatch(tmp_path / "programs")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/slurm.conf").write_text(CONFIGURATION)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_slurm_submits_waits_and_logs(cluster):
    result = slurm_pl("--gpu", 2, "--name", "train", "log/a.log", "echo", "it's $HOME", "a b")
    assert result.returncode == 0, result.stderr
    lines = (cluster / "log/a.log").read_text().splitlines()
    assert lines[4] == "it's $HOME a b"
    assert lines[-1].startswith("# Ended (code 0)")
    arguments = (cluster / "sbatch.arguments").read_text().split()
    assert arguments[:3] == ["--export=ALL", "--partition", "gpu"]
    assert "gpu:2" in arguments
    assert arguments[arguments.index("--job-name") + 1] == "train"
    assert "--wait" in arguments


def test_slurm_array_runs_every_job_and_reports_the_failed(cluster):
    command = ("bash", "-c", "echo JOB; [ JOB != 3 ]")
    result = slurm_pl("--max_jobs_run", 2, "JOB=1:3", "log/x.JOB.log", *command)
    assert result.returncode == 1
    assert "slurm.pl: 1 / 3 failed, log is in log/x.3.log" in result.stderr
    assert (cluster / "log/x.2.log").read_text().splitlines()[4] == "2"
    arguments = (cluster / "sbatch.arguments").read_text().split()
    assert arguments[arguments.index("--array") + 1] == "1-3%2"
    assert arguments[1:3] == ["--partition", "cpu"], "the default of --gpu"


def test_slurm_needs_the_footer_of_this_run(cluster):
    result = slurm_pl("a.log", "bash", "-c", "kill -KILL $PPID")
    assert result.returncode == 1 and "1 / 1 failed" in result.stderr
    (cluster / "a.log").write_text("# Ended (code 0)\n")  # of an earlier run
    (cluster / "programs/sbatch").write_text("#!/bin/sh\nexit 1\n")
    assert slurm_pl("a.log", "true").returncode == 1


ESPNET_CONFIGURATION = """# Default configuration
command sbatch --export=PATH
option name=* --job-name $0
option time=* --time $0
option mem=* --mem-per-cpu $0
option mem=0
option num_threads=* --cpus-per-task $0
option num_threads=1 --cpus-per-task 1
option num_nodes=* --nodes $0
default gpu=0
option gpu=0 -p cpu
option gpu=* -p gpu --gres=gpu:$0 -c $0  # Recommend allocating more CPU
# note: the --max-jobs-run option is supported as a special case
# by slurm.pl and you don't have to handle it in the config file.
"""


def test_slurm_configuration_of_espnet_is_understood(cluster):
    (cluster / "conf/slurm.conf").write_text(ESPNET_CONFIGURATION)
    options = ["--gpu", "2", "--num_threads", "4", "--mem", "0"]
    result = slurm_pl(*options, "a.log", "true")
    assert result.returncode == 0, result.stderr
    words = (cluster / "sbatch.arguments").read_text().split()
    assert words[:8] == "--export=PATH -p gpu --gres=gpu:2 -c 2 --cpus-per-task 4".split()


@pytest.mark.parametrize(
    ("line", "message"),
    [("nonsense here", "conf/slurm.conf:1: expected command"), ("", "no rule for --name x")],
)
def test_slurm_configuration_errors_name_the_file(cluster, line, message):
    (cluster / "conf/slurm.conf").write_text(line)
    result = slurm_pl("--name", "x", "a.log", "true")
    assert result.returncode == 2
    assert message in result.stderr


# ---------------------------------------------------------------- supervise
def wait_until(condition) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def is_running(process_id: int) -> bool:
    stat = Path(f"/proc/{process_id}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_supervised_processes_end_with_the_supervisor(tmp_path, number):
    """A grandchild that ignores SIGINT, as background jobs of scripts do, ends as well."""
    grandchild = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {grandchild}.new; mv {grandchild}.new {grandchild}; wait"
    process = subprocess.Popen([sys.executable, COMMON / "supervise.py", "bash", "-c", script])
    wait_until(grandchild.exists)
    process_id = int(grandchild.read_text())
    assert is_running(process_id)
    process.send_signal(number)
    status = process.wait(timeout=DEADLINE_S)
    wait_until(lambda: not is_running(process_id))
    assert status == (-number if number == signal.SIGKILL else 128 + number)


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_supervise_returns_the_status_of_the_command(script, status):
    result = run(COMMON / "supervise.py", "bash", "-c", f"echo out; {script}")
    assert (result.returncode, result.stdout) == (status, "out\n")
