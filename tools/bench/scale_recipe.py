"""A recipe with as many utterances as is asked for, all made of a few tiny files."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch
import yaml

from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.speaker.train import (
    VECTOR_DIM,
    build_mini_speaker_model,
    save_mini_speaker_model,
)
from tools.bench.noise_corpus import CONFIG

ROOT = Path(__file__).resolve().parents[2]
NUM_FILES = 64
NUM_UNITS = 20
UTTERANCES_OF_A_SPEAKER = 100
SPEEDS = "0.9 1.0 1.1"
_OF_CENTROIDS = ("num_units", "unit_stride_samples", "unit_offset_samples")
"""What the recipe's own centroids say."""
_TRAINING = {
    "speaker_dim": VECTOR_DIM,
    "max_epoch": 1,
    "num_iters_per_epoch": 20,
    "log_interval": 5,
    "batch_size": 16,
}


def write_recipe(work_dir: Path, num_utterances: int, num_held_out: int = 200) -> Path:
    """Return a recipe's directory below ``work_dir``, with its data and speaker encoder.

    It shares the templates, the tools and the package of this checkout. Its utterances last
    0.2 to 0.4 s.

    Args:
        work_dir: to write to.
        num_utterances: of the training set.
        num_held_out: of the validation set; the test set has as many.
    """
    recipe = work_dir / "egs2/scale/p2v1"
    recipe.mkdir(parents=True)
    for name in ("tools", "espnet2_ext"):
        (work_dir / name).symlink_to(ROOT / name)
    for name in ("p2v1/p2v.sh", "p2v1/conf", "common", "common/path.sh", "common/cmd.sh"):
        (recipe / Path(name).name).symlink_to(ROOT / "egs2/TEMPLATE" / name)
    config = {name: value for name, value in CONFIG.items() if name not in _OF_CENTROIDS}
    (recipe / "train.yaml").write_text(yaml.safe_dump({**config, **_TRAINING}))
    wavs = _write_audio(recipe / "downloads")
    held_out = (("valid", num_held_out), ("test", num_held_out))
    for name, size in (("train", num_utterances), *held_out):
        write_data_directory(recipe / "data" / name, _utterances(name, size, wavs))
    torch.manual_seed(0)
    model = build_mini_speaker_model(["one", "two"], channels=8)
    vectors = torch.randn(2, VECTOR_DIM)
    save_mini_speaker_model(model, recipe / "downloads/speaker_encoder", vectors)
    return recipe


def remove(work_dir: Path) -> None:
    """Delete what ``write_recipe`` made, and what the stages made of it."""
    shutil.rmtree(work_dir / "egs2", ignore_errors=True)
    for name in ("tools", "espnet2_ext"):
        (work_dir / name).unlink(missing_ok=True)


def command(stage: int, nj: int, *options: str, speeds: str = SPEEDS) -> list[str]:
    """Return the command of one stage of the recipe; no speeds leave stage 3 out."""
    words = f"./p2v.sh --stage {stage} --stop_stage {stage} --nj {nj} --ngpu 0 --train_set train"
    words += " --valid_set valid --test_sets test --p2v_config train.yaml --kmeans_feature mfcc"
    # A tenth of the utterances for k-means, as in the recipe of the paper's mixture.
    words += f" --nclusters {NUM_UNITS} --kmeans_portion 0.1 --kmeans_max_frames 200000"
    words += " --speaker_encoder downloads/speaker_encoder"
    return [*words.split(), "--speed_perturb_factors", speeds, *options]


def _utterances(name: str, size: int, wavs: list[str]) -> Iterator[Utterance]:
    for index in range(size):
        speaker = f"{name}-speaker{index // UTTERANCES_OF_A_SPEAKER:05d}"
        yield Utterance(f"{speaker}-utterance{index:07d}", speaker, wavs[index % len(wavs)])


def _write_audio(folder: Path) -> list[str]:
    """Write the files, tones that glide in noise, and return their paths."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    paths = []
    for index in range(NUM_FILES):
        times_s = np.arange(int(16000 * generator.uniform(0.2, 0.4))) / 16000
        pitch_hz = generator.uniform(100, 300) * (1 + generator.uniform(-0.5, 0.5) * times_s)
        tone = np.sign(np.sin(2 * np.pi * pitch_hz * times_s))
        path = folder / f"{index:02d}.wav"
        soundfile.write(path, 0.1 * tone + 0.02 * generator.standard_normal(len(tone)), 16000)
        paths.append(str(path))
    return paths
