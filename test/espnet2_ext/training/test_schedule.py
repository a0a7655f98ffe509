import math

import pytest
import torch
from espnet2.schedulers.abs_scheduler import AbsBatchStepScheduler, AbsEpochStepScheduler

from espnet2_ext.training.schedule import WarmupCosineLR


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


def test_resumed_equals_undisturbed():
    optimizer, scheduler = make(warmup_steps=3, total_steps=9)
    whole = rates(optimizer, scheduler, 9)
    optimizer, scheduler = make(warmup_steps=3, total_steps=9)
    rates(optimizer, scheduler, 4)
    state = scheduler.state_dict(), optimizer.state_dict()
    optimizer, scheduler = make(warmup_steps=3, total_steps=9)
    scheduler.load_state_dict(state[0])
    optimizer.load_state_dict(state[1])
    assert rates(optimizer, scheduler, 5) == whole[4:]


def test_espnet_steps_it_once_an_update_and_can_save_it():
    _, scheduler = make(warmup_steps=1, total_steps=2)
    assert isinstance(scheduler, AbsBatchStepScheduler)
    assert not isinstance(scheduler, AbsEpochStepScheduler)
    # ESPnet 202611 refuses checkpoints that hold numpy scalars.
    assert all(type(rate) is float for rate in scheduler.get_last_lr())


def test_too_short_is_an_error():
    with pytest.raises(ValueError, match="must be above"):
        make(warmup_steps=5, total_steps=5)
