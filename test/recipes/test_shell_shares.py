"""Data stages as an array of jobs on a cluster give what they give on one machine."""

import os
import subprocess
from pathlib import Path

from reference.archives import tree
from reference.fake_slurm import write_sbatch

from tools.bench.scale_recipe import command, write_recipe


def test_an_array_of_jobs_gives_the_same_files(tmp_path: Path):
    path = f"{write_sbatch(tmp_path / 'programs')}:{os.environ['PATH']}"
    local, slurm = (write_recipe(tmp_path / name, 20, 3) for name in ("local", "slurm"))
    # Names of files stand in the tables, so both read one folder of audio.
    for table in ("train", "valid"):
        (slurm / f"data/{table}/wav.scp").write_bytes(
            (local / f"data/{table}/wav.scp").read_bytes()
        )
    made = {}
    for recipe, backend in ((local, "local"), (slurm, "slurm")):
        environment = os.environ | {"cmd_backend": backend, "PATH": path}
        for stage in (2, 4):
            words = command(stage, 2, "--test_sets", "", speeds="")
            subprocess.run(
                words, cwd=recipe, env=environment, check=True, capture_output=True, timeout=300
            )
        made[backend] = tree(recipe / "dump/org")
    names = {name for name in made["local"] if not name.endswith(".audio_journal.jsonl")}
    assert made["local"].keys() == made["slurm"].keys() and len(names) > 20 + 2 * 6
    assert {name for name in names if made["local"][name] != made["slurm"][name]} == set()
    arrays = (slurm / "sbatch.calls").read_text().count("--array 1-2")
    assert arrays == 4  # formatting and units of two sets
    assert not list(slurm.glob("dump/org/*/.*parts*"))
    logs = sorted(path.name for path in (slurm / "dump/log").glob("units_valid*"))
    assert logs == ["units_valid.1.log", "units_valid.2.log", "units_valid.log"]
