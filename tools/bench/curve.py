"""Learning against the clock: forced + free, guided and plain training of the mini model.

``python -m tools.bench.curve`` trains all three on the prepared data of
egs2/mini_emo/p2v1 (stages 1 to 7 of its run.sh), one after the other on an otherwise
idle machine, and writes CURVE.md and curve.png beside this file.
"""

import argparse
import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from espnet2_ext import _compat
from espnet2_ext.conversion.converter import ConversionRequest, Prosody2VecConverter
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.pairs import read_pairs
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_table
from espnet2_ext.metrics.content import unit_error_rate
from espnet2_ext.prosody2vec.task import Prosody2VecTask
from espnet2_ext.report.figures import save_figure
from espnet2_ext.units.centroids import UnitEncoderPipeline
from espnet2_ext.vocoder.vocode import build_vocoder

HERE = Path(__file__).resolve().parent
RECIPE = HERE.parents[1] / "egs2/mini_emo/p2v1"
CENTROIDS = "exp/kmeans/mfcc_100/centroids.npz"


@dataclass(frozen=True)
class Training:
    """One way to train.

    Attributes:
        name: in the table.
        epochs: of ``EPOCH_UPDATES`` updates each.
        forced_updates: updates with the alignment given.
        guided_weight: of guided attention in the free updates.
    """

    name: str
    epochs: int
    forced_updates: int
    guided_weight: float


EPOCH_UPDATES = 60
TRAININGS = (
    Training("forced, the last 60 updates free", 8, 420, 0.2),
    Training("free, guided attention", 5, 0, 0.2),
    Training("free, plain", 5, 0, 0.0),
)
"""Numbers of epochs that take about the same time."""


@dataclass(frozen=True)
class Point:
    """State of a training after an epoch."""

    training: str
    updates: int
    minutes: float
    mel_loss: float
    attention_near: float
    unit_error_rate: float


def train(training: Training, output_dir: Path) -> None:
    """Train through the task, every epoch's weights kept."""
    updates = training.epochs * EPOCH_UPDATES
    command = ["--config", "conf/train_p2v_mini.yaml"]
    command += ["--output_dir", str(output_dir), "--resume", "true", "--num_att_plot", "0"]
    command += ["--centroids", CENTROIDS, "--keep_nbest_models", str(training.epochs)]
    command += ["--max_epoch", str(training.epochs), "--num_iters_per_epoch", str(EPOCH_UPDATES)]
    command += ["--scheduler_conf", f"total_steps={updates}"]
    command += ["--model_conf", f"forced_alignment_updates={training.forced_updates}"]
    command += ["--model_conf", f"guided_attention_weight={training.guided_weight}"]
    stats = "exp/p2v_stats_16k"
    command += ["--normalize_conf", f"stats_file={stats}/train/feats_stats.npz"]
    for part in ("train", "valid"):
        raw = f"dump/raw/mini_emo_{part}"
        for data in ("wav.scp,speech,sound", "units_mfcc_100,units,text_int",
                     "unit_durations_mfcc_100,unit_durations,text_int"):  # fmt: skip
            command += [f"--{part}_data_path_and_name_and_type", f"{raw}/{data}"]
        command += [f"--{part}_speaker_dir", raw]
        command += [f"--{part}_shape_file", f"{stats}/{part}/speech_shape"]
    Prosody2VecTask.main(cmd=command)


def points_of(training: Training, output_dir: Path, num_pairs: int) -> list[Point]:
    """Return a point for each epoch; time is that of training and validation."""
    # Times are no tensors, so it takes a pickle: of a file that this process wrote.
    checkpoint = torch.load(output_dir / "checkpoint.pth", weights_only=False)
    reporter = checkpoint["reporter"]["stats"]
    points, seconds = [], 0.0
    for epoch in range(1, training.epochs + 1):
        stats = reporter[epoch]
        seconds += sum(stats[part]["time"].total_seconds() for part in ("train", "valid"))
        converter = Prosody2VecConverter.from_file(output_dir / f"{epoch}epoch.pth")
        points.append(
            Point(
                training.name,
                epoch * EPOCH_UPDATES,
                seconds / 60.0,
                float(stats["valid"]["mel_loss"]),
                float(stats["valid"]["attention_near"]),
                conversion_error(converter, num_pairs),
            )
        )
    return points


def conversion_error(converter: Prosody2VecConverter, num_pairs: int) -> float:
    """Return the mean unit error rate of the first conversions of the test set."""
    raw = Path("dump/raw/mini_emo_test")
    wavs = read_table(raw / "wav.scp")
    vectors = _compat.load_ark_scp(raw / "spk_embed.scp")
    pipeline, vocoder = UnitEncoderPipeline.from_file(CENTROIDS), build_vocoder("griffin_lim")
    pairs = read_pairs("data/mini_emo_test/pairs/same_voice/pairs")[:num_pairs]
    sources = [pipeline.encode(read_audio(wavs[pair.source]))[0] for pair in pairs]
    requests = [
        ConversionRequest(units, read_audio(wavs[pair.prosody]), vectors[pair.speaker])
        for units, pair in zip(sources, pairs, strict=True)
    ]
    return float(
        np.mean(
            [
                unit_error_rate(units, pipeline.encode(vocoder(conversion.mel))[0])
                for units, conversion in zip(sources, converter.convert(requests), strict=True)
            ]
        )
    )


def render(points: list[Point], facts: dict[str, str], num_pairs: int) -> str:
    """Return the table as markdown."""
    lines = [
        "## Learning against the clock",
        "",
        "<!-- Made by `python -m tools.bench.curve`; do not edit. -->",
        "",
        "Synthetic speech (mini_emo), configuration train_p2v_mini.yaml with other numbers of "
        "updates, one run of each; the learning rate falls to its floor in each. Validation "
        "runs the attention free. Unit error rate: the first "
        f"{num_pairs} neutral test sentences, converted, Griffin-Lim.",
        "",
        *(f"- {name}: `{value}`" for name, value in facts.items()),
        "",
        "![Validation loss and unit error rate against minutes](curve.png)",
        "",
        "| training | updates | minutes | validation mel loss | attention near the true unit "
        "| unit error rate |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {each.training} | {each.updates} | {each.minutes:.1f} | {each.mel_loss:.3f} "
        f"| {each.attention_near:.3f} | {each.unit_error_rate:.3f} |"
        for each in points
    ]
    return "\n".join([*lines, ""])


def draw(points: list[Point], path: Path) -> None:
    """Draw both figures of merit against minutes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.5), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, name in zip(axes, ("mel_loss", "unit_error_rate"), strict=True):
        for training in TRAININGS:
            mine = [point for point in points if point.training == training.name]
            values = [getattr(point, name) for point in mine]
            axis.plot([point.minutes for point in mine], values, marker="o", label=training.name)
        axis.set(xlabel="minutes of training", ylabel=name.replace("_", " "))
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    save_figure(figure, path)


def trained_points(training: Training, output_dir: Path, num_pairs: int) -> list[Point]:
    """Return the points of a training, from its file where it is complete."""
    cached = output_dir / "points.json"
    if not cached.exists():
        train(training, output_dir)
        made = points_of(training, output_dir, num_pairs)
        with atomic_open(cached) as stream:
            json.dump([vars(point) for point in made], stream)
    return [Point(**point) for point in json.loads(cached.read_text())]


def main(cmd: list[str] | None = None) -> None:
    """Train, score, write; what is there already is not trained again."""
    from tools.bench.measure import Options
    from tools.bench.page import environment, write_part

    parser = argparse.ArgumentParser("python -m tools.bench.curve", description=__doc__)
    parser.add_argument("--data_dir", type=Path, default=RECIPE, help="recipe with its data")
    parser.add_argument("--work_dir", type=Path, default=RECIPE / "exp/curve")
    parser.add_argument("--num_pairs", type=int, default=24, help="conversions of a point")
    arguments = parser.parse_args(cmd)
    facts = environment(Options())
    points: list[Point] = []
    work_dir = arguments.work_dir.resolve()
    with contextlib.chdir(arguments.data_dir):  # the tables of a recipe are relative to it
        for training in TRAININGS:
            output_dir = work_dir / re.sub(r"\W+", "_", training.name)
            points += trained_points(training, output_dir, arguments.num_pairs)
    draw(points, HERE / "curve.png")
    write_part(HERE / "CURVE.md", render(points, facts, arguments.num_pairs))


if __name__ == "__main__":
    main()
