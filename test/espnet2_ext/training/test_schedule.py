"""The learning rate, and training on tables that were split: all of the data, also resumed."""

import gc
import math
import weakref

import pytest
import torch
from espnet2.bin.split_scps import split_scps
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.iterators.multiple_iter_factory import MultipleIterFactory
from espnet2.schedulers.abs_scheduler import AbsBatchStepScheduler, AbsEpochStepScheduler

from espnet2_ext.prosody2vec.model import Prosody2VecModel
from espnet2_ext.prosody2vec.task import Prosody2VecTask
from espnet2_ext.training.schedule import SplitIterFactory, WarmupCosineLR
from tools.bench.noise_corpus import NoiseCorpus

TABLES = {"wav.scp": "speech,sound", "units": "units,text_int"}
TABLES["durations"] = "unit_durations,text_int"
UTTERANCES = ["a-0", "a-2", "a-4", "b-1", "b-3"]
PARTS = [["a-0", "a-4", "b-3"], ["a-2", "b-1"]]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The directory of the noise corpus, its tables also in two parts below ``splits``."""
    folder = tmp_path_factory.mktemp("splits")
    NoiseCorpus(folder, "cpu", use_amp=False)
    scps = [str(folder / name) for name in (*TABLES, "stats/train/speech_shape")]
    split_scps(scps, num_splits=2, names=None, output_dir=str(folder / "splits"), log_level="INFO")
    return folder


@pytest.fixture
def seen(monkeypatch):
    """Return a list that every training step adds its utterances to."""
    steps = []
    forward = Prosody2VecModel.forward

    def watched(self, **batch):
        if self.training:
            steps.append(list(batch["utt_id"]))
        return forward(self, **batch)

    monkeypatch.setattr(Prosody2VecModel, "forward", watched)
    return steps


def train(root, name, *options):
    """Train on the two parts as the recipe does, and return the directory."""
    command = ["--config", root / "config.yaml", "--output_dir", root / name, "--ngpu", 0]
    command += ["--normalize_conf", f"stats_file={root / 'stats/train/feats_stats.npz'}"]
    command += ["--multiple_iterator", "true", "--resume", "true"]
    for part, tables in (("train", root / "splits"), ("valid", root)):
        command += [f"--{part}_speaker_dir", root]
        for table, kind in TABLES.items():
            command += [f"--{part}_data_path_and_name_and_type", f"{tables / table},{kind}"]
    command += ["--train_shape_file", root / "splits/speech_shape"]
    command += ["--valid_shape_file", root / "stats/valid/speech_shape"]
    Prosody2VecTask.main(cmd=[str(word) for word in (*command, *options)])
    return root / name


@pytest.mark.parametrize(
    "batches",
    [
        ("--batch_type", "sorted"),
        ("--batch_type", "numel", "--batch_bins", "12000"),
    ],
)
def test_every_utterance_is_seen_once_an_epoch(root, seen, batches):
    # A batch of one would stop the model's batch normalisation.
    options = ("--min_batch_size", "2", "--valid_batch_type", "sorted", "--num_workers", "1")
    train(root, batches[1], *batches, *options, "--max_epoch", "1")
    assert sorted(name for step in seen for name in step) == UTTERANCES
    for step in seen:
        assert any(set(step) <= set(part) for part in PARTS), f"{step} are of several parts"


def test_resumed_training_equals_undisturbed(root, seen):
    whole = train(root, "whole", "--max_epoch", "2")
    undisturbed = list(seen)
    train(root, "broken", "--max_epoch", "1")
    broken = train(root, "broken", "--max_epoch", "2")
    assert seen[len(undisturbed) :] == undisturbed
    for epoch in (undisturbed[: len(undisturbed) // 2], undisturbed[len(undisturbed) // 2 :]):
        assert sorted(name for step in epoch for name in step) == UTTERANCES
    weights = [torch.load(folder / "2epoch.pth") for folder in (whole, broken)]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def test_iterations_of_an_epoch_are_shared_out(root, seen):
    train(root, "limited", "--max_epoch", "1", "--num_iters_per_epoch", "3")
    assert len(seen) == 3
    of_parts = [sum(step[0] in part for step in seen) for part in PARTS]
    assert of_parts == [1, 2]
    with pytest.raises(ValueError, match="--num_iters_per_epoch 1: fewer than the 2 parts"):
        train(root, "refused", "--max_epoch", "1", "--num_iters_per_epoch", "1")


class PartFactory(AbsIterFactory):
    """Gives the batches of one part, as a list."""

    alive: weakref.WeakSet = weakref.WeakSet()

    def __init__(self, part):
        PartFactory.alive.add(self)
        self.part = part

    def build_iter(self, epoch, shuffle=None):
        return Batches(self)


class Batches(list):
    """A list that keeps its factory alive, as a loader does its tables."""

    def __init__(self, factory):
        super().__init__([(factory.part, number) for number in range(3)])
        self.factory = factory


def build_functions():
    return [lambda part=part: PartFactory(part) for part in "abcd"]


@pytest.mark.parametrize("shuffle", [True, False])
def test_order_is_espnets(shuffle):
    ours = SplitIterFactory(build_functions(), seed=3, shuffle=shuffle)
    theirs = MultipleIterFactory(build_functions(), seed=3, shuffle=shuffle)
    orders = []
    for epoch in (1, 2, 3):
        orders.append(list(ours.build_iter(epoch)))
        assert orders[-1] == list(theirs.build_iter(epoch))
        assert len(ours.build_iter(epoch)) == 12
    assert (orders[0] != orders[1]) == shuffle
    assert list(ours.build_iter(1, shuffle=False))[0] == ("a", 0)


def test_one_part_is_in_memory_at_a_time():
    gc.collect()
    assert not PartFactory.alive
    batches = SplitIterFactory(build_functions(), seed=0, shuffle=True).build_iter(1)
    assert len(PartFactory.alive) == 1, "the first is built for its length"
    counts = [len(PartFactory.alive) for _ in batches]
    assert counts == [1] * 12
    assert not PartFactory.alive
    assert len(list(batches)) == 12, "it can be read again"


def rates(optimizer, scheduler, steps):
    seen = []
    for _ in range(steps):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return seen


def make(**options):
    groups = [
        {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1.0},
        {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 5.0},
    ]
    optimizer = torch.optim.Adam(groups)
    return optimizer, WarmupCosineLR(optimizer, **options)


def test_worked_by_hand_and_groups_keep_their_ratio():
    optimizer, scheduler = make(warmup_steps=2, total_steps=6, final_ratio=0.1)
    cosine = [0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * p)) for p in (0.25, 0.5, 0.75, 1.0)]
    expected = [0.5, 1.0, *cosine, 0.1, 0.1]
    seen = rates(optimizer, scheduler, 8)
    assert [first for first, _ in seen] == pytest.approx(expected)
    assert [second / first for first, second in seen] == pytest.approx([5.0] * 8)
    with pytest.raises(ValueError, match="must be above"):
        make(warmup_steps=5, total_steps=5)


def test_espnet_steps_it_once_an_update_and_can_save_it():
    _, scheduler = make(warmup_steps=1, total_steps=2)
    assert isinstance(scheduler, AbsBatchStepScheduler)
    assert not isinstance(scheduler, AbsEpochStepScheduler)
    # ESPnet 202611 refuses checkpoints that hold numpy scalars.
    assert all(type(rate) is float for rate in scheduler.get_last_lr())
