"""Data stages as an array of jobs on a cluster give what they give on one machine."""

import os
import subprocess
from pathlib import Path

from reference.fake_slurm import write_sbatch

from tools.bench.scale_recipe import command, write_recipe

STAGES = (2, 4)


def run_stages(recipe: Path, programs: Path, backend: str) -> None:
    path = f"{programs}:{os.environ['PATH']}"
    for stage in STAGES:
        subprocess.run(
            command(stage, nj=2, speeds=""),
            cwd=recipe,
            env=os.environ | {"cmd_backend": backend, "PATH": path},
            check=True,
            capture_output=True,
            timeout=300,
        )


def tables(recipe: Path) -> dict[str, bytes]:
    """Return the tables and audio of the sets, without what holds times."""
    return {
        str(path.relative_to(recipe)): path.read_bytes()
        for path in sorted((recipe / "dump/org").rglob("*"))
        if path.is_file() and path.name != ".audio_journal.jsonl"
    }


def test_an_array_of_jobs_gives_the_same_files(tmp_path: Path):
    programs = write_sbatch(tmp_path / "programs")
    recipes = {name: write_recipe(tmp_path / name, 20, 3) for name in ("local", "slurm")}
    # Names of files stand in the tables, so both read one folder of audio.
    for name in ("train", "valid", "test"):
        table = recipes["local"] / "data" / name / "wav.scp"
        (recipes["slurm"] / "data" / name / "wav.scp").write_bytes(table.read_bytes())
    for name, recipe in recipes.items():
        run_stages(recipe, programs, name)
    alone, shared = map(tables, recipes.values())
    assert alone.keys() == shared.keys()
    assert {name for name in alone if alone[name] != shared[name]} == set()
    assert len(alone) > 20 + 3 * 6
    arrays = (recipes["slurm"] / "sbatch.calls").read_text().count("--array 1-2")
    assert arrays == 6  # formatting and units of three sets
    assert not list(recipes["slurm"].glob("dump/org/*/.*parts*"))
    logs = sorted(path.name for path in (recipes["slurm"] / "dump/log").glob("units_valid*"))
    assert logs == ["units_valid.1.log", "units_valid.2.log", "units_valid.log"]
