"""How long training waits for its batches (G12), from flac and from kept mels, and their fill.

Noise in the lengths of mini_emo, the configurations of the recipes: mini's on a CPU, the
paper's on a GPU. Whole training updates run against the loader processes on the same cores.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
import torch
from espnet2.samplers.build_batch_sampler import build_batch_sampler
from espnet2.torch_utils.device_funcs import to_device
from espnet2.train.distributed_utils import DistributedOption

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.data.tables import write_table
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.prosody2vec.model import Prosody2VecModel
from espnet2_ext.prosody2vec.task import Prosody2VecTask
from tools.bench.goals import against
from tools.bench.measure import Options, Row, interleaved_seconds, synchronize

EGS2 = Path(__file__).resolve().parents[2] / "egs2"
CONFIGS = {
    "cpu": EGS2 / "mini_emo/p2v1/conf/train_p2v_mini.yaml",
    "cuda": EGS2 / "TEMPLATE/p2v1/conf/train_p2v.yaml",
}
TINY = """--unit_encoder_conf channels=8 --prosody_encoder_conf channels=16
    --prosody_encoder_conf aggregation_channels=16 --decoder_conf attention_lstm_units=8
    --decoder_conf decoder_lstm_units=8 --batch_size 2 --num_workers 1""".split()
AUDIO = {"flac": "wav.scp,speech,sound", "npy": "feats.scp,feats,npy"}
NUM_UNITS, STRIDE_SAMPLES, SAMPLE_RATE_HZ, HOP_SAMPLES = 100, 320, 16000, 256
WARMUP_STEPS, STEPS = 2, 4
BATCH_TYPES = ("unsorted", "sorted", "folded", "length", "numel")


def measure(options: Options) -> list[Row]:
    """Return the waiting shares, the cost of a batch both ways, and the fill of batch types."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        arguments = {name: task_arguments(root, name, options) for name in AUDIO}
        write_corpus(root, arguments["flac"].batch_size * 8)
        rows = waiting_rows(arguments, options)
        rows.append(cost_row(arguments, options))
        return rows + fill_rows(root, 60 if options.is_quick else 1560)


def task_arguments(root: Path, audio: str, options: Options) -> argparse.Namespace:
    """Return the options of the training command of a recipe, for one of AUDIO."""
    command = ["--config", CONFIGS[options.device], "--normalize", "none"]
    command += ["--num_units", NUM_UNITS, "--unit_stride_samples", STRIDE_SAMPLES]
    command += ["--unit_offset_samples", 0, "--ngpu", int(options.device == "cuda")]
    for part in ("train", "valid"):
        command += [f"--{part}_shape_file", root / "speech_shape", f"--{part}_speaker_dir", root]
        for data in (AUDIO[audio], "units,units,text_int", "durations,unit_durations,text_int"):
            command += [f"--{part}_data_path_and_name_and_type", f"{root}/{data}"]
    command += TINY if options.is_quick else []
    return Prosody2VecTask.get_parser().parse_args([str(word) for word in command])


def utterance_samples(count: int) -> np.ndarray:
    """Return (count,) lengths spread as those of mini_emo: 1.4 to 8.3 s, 3 s on average."""
    seconds = 1.4 + np.random.default_rng(0).gamma(2.0, 0.8, count)
    return (SAMPLE_RATE_HZ * seconds.clip(max=8.3)).astype(int)


def write_corpus(root: Path, count: int) -> None:
    """Write so many utterances of noise of four speakers: flac, mels, units, speaker vectors."""
    generator = np.random.default_rng(1)
    mel = HifiGanMel()
    names = ("wav.scp", "feats.scp", "speech_shape", "units", "durations", "utt2spk")
    tables: dict[str, dict[str, object]] = {name: {} for name in names}
    vectors = {}
    for index, samples in enumerate(utterance_samples(count)):
        name = f"{'abcd'[index % 4]}-{index:04d}"
        paths = [root / f"{name}.{suffix}" for suffix in ("flac", "npy")]
        soundfile.write(paths[0], 0.1 * generator.standard_normal(samples), SAMPLE_RATE_HZ)
        speech = torch.from_numpy(soundfile.read(paths[0], dtype="float32")[0])[None]
        np.save(paths[1], mel(speech, torch.tensor([samples]))[0][0].numpy())
        num_units = samples // STRIDE_SAMPLES // 2
        units = " ".join(map(str, generator.integers(NUM_UNITS, size=num_units)))
        values = (*paths, samples, units, " ".join(["2"] * num_units), name[0])
        for table, value in zip(names, values, strict=True):
            tables[table][name] = value
        vectors[name] = generator.standard_normal(192)
    for table, content in tables.items():
        write_table(root / table, content)
    write_ark_scp(root / "spk_embed.scp", vectors)


def waiting_rows(arguments: dict[str, argparse.Namespace], options: Options) -> list[Row]:
    """Return, for each of AUDIO, the share of whole updates that is waiting for the loader."""
    shares: dict[str, list[float]] = {name: [] for name in arguments}
    seconds: dict[str, list[float]] = {name: [] for name in arguments}
    for turn in range(1 if options.is_quick else min(options.repeats, 3)):
        for name, args in arguments.items():
            waited, total = train_some(args, turn, options.device)
            shares[name].append(waited / total)
            seconds[name].append(total / STEPS)
    return [
        Row(
            "Loader",
            f"waiting for a batch from {name}, share of a step",
            setting(args),
            median(shares[name]),
            "",
            **against("G12", median(shares[name]), options.device),
            detail=f"{median(seconds[name]):.3f} s a step, {torch.get_num_threads()} threads",
        )
        for name, args in arguments.items()
    ]


def train_some(args: argparse.Namespace, epoch: int, device: str) -> tuple[float, float]:
    """Return the seconds waited and the seconds in all of STEPS updates after a warm-up."""
    torch.manual_seed(0)
    model = Prosody2VecTask.build_model(args).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0e-4)
    factory = Prosody2VecTask.build_iter_factory(args, DistributedOption(), mode="train")
    waited, start = 0.0, 0.0
    batches = iter(endless(factory, epoch))
    for step in range(WARMUP_STEPS + STEPS):
        if step == WARMUP_STEPS:
            synchronize(device)
            waited, start = 0.0, time.perf_counter()
        before = time.perf_counter()
        _, batch = next(batches)
        waited += time.perf_counter() - before
        update(model, optimizer, to_device(batch, device))
        synchronize(device)
    return waited, time.perf_counter() - start


def endless(factory, epoch: int) -> Iterable[tuple[list[str], dict[str, torch.Tensor]]]:
    """Yield the batches of epoch after epoch."""
    while True:
        epoch += 1
        yield from factory.build_iter(epoch)


def update(
    model: Prosody2VecModel, optimizer: torch.optim.Optimizer, batch: dict[str, torch.Tensor]
) -> None:
    """Do one update as ESPnet's trainer does."""
    optimizer.zero_grad(set_to_none=True)
    loss, _, _ = model(**batch)
    loss.sum().backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def cost_row(arguments: dict[str, argparse.Namespace], options: Options) -> Row:
    """Return how much longer a batch takes from flac than from npy, from file to mel."""
    model = Prosody2VecTask.build_model(arguments["flac"]).to(options.device).train()
    functions = {}
    for name, args in arguments.items():
        factory = Prosody2VecTask.build_iter_factory(args, DistributedOption(), mode="train")
        batch = factory.sampler.generate(0)[0]

        def load(factory=factory, batch=batch) -> None:
            _, data = factory.collate_fn([factory.dataset[utterance] for utterance in batch])
            data = to_device(data, options.device)
            names = ("speech", "speech_lengths", "feats", "feats_lengths")
            model.mels(*(data.get(name) for name in names))

        functions[name] = load
    seconds = interleaved_seconds(functions, options)
    detail = ", ".join(f"{name} {1000 * time:.1f} ms" for name, time in seconds.items())
    ratio = seconds["flac"] / seconds["npy"]
    what = "a batch from file to mel, in one process, flac over npy"
    return Row("Loader", what, setting(arguments["flac"]), ratio, "x", detail=detail)


def fill_rows(root: Path, count: int) -> list[Row]:
    """Return the mel frames over the padded frames of an epoch, for ESPnet's batch types."""
    samples = {f"u{index:04d}": int(n) for index, n in enumerate(utterance_samples(count))}
    frames = {name: n // HOP_SAMPLES + 1 for name, n in samples.items()}
    shape_file = root / "shape_of_many"
    write_table(shape_file, samples)
    rows = []
    for kind in BATCH_TYPES:
        sampler = build_batch_sampler(
            type=kind,
            batch_size=16,
            batch_bins=16 * sum(samples.values()) // count,
            shape_files=[str(shape_file)],
            fold_lengths=[5 * SAMPLE_RATE_HZ],
        )
        batches = [[frames[name] for name in batch] for batch in sampler]
        padded = [len(batch) * max(batch) for batch in batches]
        fill = sum(map(sum, batches)) / sum(padded)
        detail = f"{len(batches)} batches of {min(padded):,} to {max(padded):,} padded frames"
        setting_of = f"{count} utterances, 16 a batch on average"
        rows.append(Row("Loader", f"fill of {kind} batches", setting_of, fill, "", detail=detail))
    return rows


def setting(args: argparse.Namespace) -> str:
    """Return the sizes that a row is about."""
    return f"batch {args.batch_size} x 3 s, {args.num_workers} loader process(es)"
