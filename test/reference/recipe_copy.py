"""A recipe in a directory of its own, to be run for real on a corpus of seconds."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = shutil.ignore_patterns("data", "dump", "exp", "downloads")


def copy_recipe(root: Path, task: str, corpus: str = "mini_emo") -> Path:
    """Return a copy of the recipe below ``root`` that shares templates, tools and package."""
    (root / "egs2").mkdir(exist_ok=True)
    for name in ("tools", "espnet2_ext", "egs2/TEMPLATE"):
        if not (root / name).exists():
            (root / name).symlink_to(ROOT / name)
    directory = root / "egs2" / corpus / task
    shutil.copytree(ROOT / "egs2" / corpus / task, directory, symlinks=True, ignore=MADE)
    return directory


def corpus_options(
    utterances_per_voice: int = 3, iemocap_utterances: int = 20, esd_sentences: str = "1 1 2"
) -> list[str]:
    """Return the options of run.sh that make the corpus as small as can be."""
    options = f"--num_voices 4 --utterances_per_voice {utterances_per_voice} --test_voices 2"
    options += f" --test_sentences 2 --iemocap_utterances {iemocap_utterances}"
    return ["--local_data_opts", f"{options} --esd_sentences {esd_sentences}"]


def run_to_the_end(recipe: Path, command: Sequence[str]) -> None:
    """Run a command in the recipe; where it fails, show the end of what was printed."""
    done = subprocess.run(command, cwd=recipe, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def narrow(config: dict) -> dict:
    """Return a configuration of p2v.sh, narrowed and cut to two epochs of two updates."""
    config["unit_encoder_conf"].update(channels=8, num_convolutions=1, lstm_units=4)
    config["prosody_encoder_conf"].update(
        channels=8, aggregation_channels=12, attention_channels=4, bottleneck_channels=4
    )
    config["prosody_encoder_conf"].update(res2net_scale=4, output_dim=5)
    config["decoder_conf"].update(
        prenet_dim=8, attention_lstm_units=8, attention_dim=4, decoder_lstm_units=8
    )
    config["scheduler_conf"].update(warmup_steps=1, total_steps=4)
    config.update(batch_size=4, max_epoch=2, num_iters_per_epoch=2, num_att_plot=1)
    return config


def modification_times(paths: Sequence[Path]) -> dict[Path, int]:
    """Return file to the nanosecond when it was last written."""
    return {path: path.stat().st_mtime_ns for path in paths}
