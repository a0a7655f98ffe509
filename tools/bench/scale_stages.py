"""Run the stages of the recipe of ``scale_recipe`` and read their time and memory."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.bench import scale_recipe

ID_TABLE = "wav.scp read into a dictionary"
_READ_TABLE = (
    "import sys; from espnet2_ext.data.tables import read_table; table = read_table(sys.argv[1])"
)


DATA_STAGES = {
    2: "format wav",
    3: "speed perturbation",
    4: "k-means and units",
    5: "speaker vectors",
    6: "length filter",
    7: "statistics",
}
_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
"""Writes the KiB of the largest process. A small process of its own, as Linux counts for a new
process what its parent held when it was started."""


@dataclass(frozen=True)
class Cost:
    """What one command took.

    Attributes:
        what: name of the stage.
        sources: utterances of the training set before speed perturbation.
        utterances: that the command worked on.
        seconds: by the clock.
        peak_mib: resident memory of its largest process.
    """

    what: str
    sources: int
    utterances: int
    seconds: float
    peak_mib: float


class StageFailed(RuntimeError):
    """A stage ended with an error; the message holds the end of its log."""


class StageRunner:
    """Runs commands on one recipe and keeps what they took.

    Args:
        recipe: directory of the recipe; ``stages.log`` in it takes all output.
        sources: utterances of its training set before speed perturbation.
    """

    def __init__(self, recipe: Path, sources: int):
        self.recipe = recipe
        self.sources = sources
        self.costs: list[Cost] = []

    def run(self, what: str, utterances: int, words: Sequence[str]) -> None:
        """Run a command in the recipe and add its cost.

        Raises:
            StageFailed: it did not exit with 0.
        """
        log = self.recipe / "stages.log"
        usage = self.recipe / "usage"
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(usage), *words]
        begin = time.monotonic()
        with open(log, "ab") as stream:
            code = subprocess.run(
                launcher, cwd=self.recipe, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            ).returncode
        seconds = time.monotonic() - begin
        if code != 0:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise StageFailed(f"{what}: exit status {code}, {log} ends with\n{end}")
        peak_mib = int(usage.read_text()) / 1024
        self.costs.append(Cost(what, self.sources, utterances, seconds, peak_mib))
        print(f"{self.sources:,}: {what}: {seconds:.1f} s, {peak_mib:.0f} MiB", flush=True)


def measure_mixture(recipe: Path, sources: int) -> list[Cost]:
    """Return the cost of what stage 1 of a mixture does with the tables of its corpora.

    Args:
        recipe: of ``scale_recipe.write_recipe``.
        sources: utterances of its training set.

    Raises:
        StageFailed: see ``StageRunner.run``.
    """
    runner = StageRunner(recipe, sources)
    command = [sys.executable, "-m", "espnet2_ext.bin.combine_data", "--out_dir", "data/all"]
    runner.run("1 combine data", sources, [*command, "--data_dirs", "data/train", "data/test"])
    command = [sys.executable, "-m", "espnet2_ext.bin.prepare", "split", "--data_dir", "data/all"]
    # The drawn sets of a small corpus would be most of it.
    drawn = str(min(500, sources // 10))
    command += ["--out_data", "data", "--name", "mixture", "--num_valid", drawn]
    runner.run("1 draw sets", sources, [*command, "--num_test", drawn])
    return runner.costs


def measure_stages(recipe: Path, sources: int, nj: int, splits: int) -> list[Cost]:
    """Return the cost of each data stage, of training's start, and of a second run.

    Args:
        recipe: of ``scale_recipe.write_recipe``.
        sources: utterances before speed perturbation.
        nj: processes.
        splits: into how many parts the tables are split for training.

    Raises:
        StageFailed: see ``StageRunner.run``.
    """
    runner = StageRunner(recipe, sources)
    utterances = sources * len(scale_recipe.SPEEDS.split())
    for stage, what in DATA_STAGES.items():
        size = sources if stage == 2 else utterances
        runner.run(f"{stage} {what}", size, scale_recipe.command(stage, nj))
    table = str(recipe / "dump/raw/train_sp/wav.scp")
    runner.run(ID_TABLE, utterances, [sys.executable, "-c", _READ_TABLE, table])
    for name, parts in (("", 1), (f", {splits} splits", splits)):
        options = ("--p2v_tag", f"splits{parts}", "--num_splits", str(parts))
        runner.run(f"8 training{name}", utterances, scale_recipe.command(8, nj, *options))
    again = scale_recipe.command(2, nj, "--stop_stage", "7")
    runner.run("2 to 7 again, all complete", utterances, again)
    return runner.costs
