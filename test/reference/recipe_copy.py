"""A recipe in a directory of its own, to be run for real on a corpus of seconds."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import yaml

from reference.tiny_trained import TINY

ROOT = Path(__file__).resolve().parents[2]
MADE = shutil.ignore_patterns("data", "dump", "exp", "downloads")


def copy_recipe(root: Path, task: str, corpus: str = "mini_emo") -> Path:
    """Return a copy of the recipe below ``root`` that shares templates, tools and package.

    Its ``conf/limits.yaml`` ends the speech of models that have not learnt to.
    """
    (root / "egs2").mkdir(exist_ok=True)
    for name in ("tools", "espnet2_ext", "egs2/TEMPLATE"):
        if not (root / name).exists():
            (root / name).symlink_to(ROOT / name)
    directory = root / "egs2" / corpus / task
    shutil.copytree(ROOT / "egs2" / corpus / task, directory, symlinks=True, ignore=MADE)
    (directory / "conf/limits.yaml").write_text("max_frames_per_unit: 3\n")
    return directory


def corpus_options(utterances_per_voice: int = 3, iemocap_utterances: int = 20) -> list[str]:
    """Return the options of run.sh that make the corpus as small as can be."""
    options = f"--num_voices 4 --utterances_per_voice {utterances_per_voice} --test_voices 2"
    options += f" --test_sentences 2 --iemocap_utterances {iemocap_utterances}"
    return ["--local_data_opts", f"{options} --esd_sentences 1 1 2"]


def run_to_the_end(recipe: Path, command: Sequence[str]) -> None:
    """Run a command in the recipe; where it fails, show the end of what was printed."""
    done = subprocess.run(command, cwd=recipe, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def train_speaker_encoder(recipe: Path, train_set: str) -> None:
    """Write ``exp/encoder``, of two updates."""
    (recipe / "conf/speaker.yaml").write_text("steps: 2\n")
    program = ". ./path.sh && python3 -m espnet2_ext.bin.train_speaker_encoder"
    options = f"--data_dir dump/org/{train_set} --out_dir exp/encoder --config conf/speaker.yaml"
    run_to_the_end(recipe, ["bash", "-c", f"{program} {options}"])


def check_rerun(recipe: Path, command: Sequence[str], *patterns: str) -> None:
    """Run again and check that files of the patterns are not written again, nor tables changed."""
    files = [path for pattern in patterns for path in recipe.glob(pattern) if path.is_file()]
    assert files
    before, report = [path.stat().st_mtime_ns for path in files], report_of(recipe)
    run_to_the_end(recipe, command)
    assert [path.stat().st_mtime_ns for path in files] == before
    assert report_of(recipe) == report


def report_of(recipe: Path) -> str:
    """Return RESULTS.md without the code's revision, which may change while a test runs."""
    lines = (recipe / "exp/RESULTS.md").read_text().splitlines()
    return "\n".join(line for line in lines if "Git hash" not in line)


def records_of(recipe: Path, table: str = "") -> list[dict]:
    """Return the records of results whose table has this in its title."""
    records = map(json.loads, (recipe / "exp/results.jsonl").open())
    return [record for record in records if table in record["table"]]


def write_narrow(recipe: Path, source: str, **changes: object) -> None:
    """Write ``conf/tiny.yaml``, the configuration narrowed and cut to two epochs of two updates.

    ``changes`` are further ones of ``model_conf``.
    """
    config = yaml.safe_load((recipe / source).read_text())
    schedule = {"warmup_steps": 1, "total_steps": 4}
    for part, values in {**TINY, "scheduler_conf": schedule, "model_conf": changes}.items():
        config[part].update(values)
    config.update(batch_size=4, max_epoch=2, num_iters_per_epoch=2, num_att_plot=1, num_workers=0)
    (recipe / "conf/tiny.yaml").write_text(yaml.safe_dump(config))
