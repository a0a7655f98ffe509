from collections import Counter

import pytest
import torch

from espnet2_ext.speaker.train import CropSampler


def make_sampler(lengths: dict[str, int], **settings: float) -> CropSampler:
    """Return a sampler over ramps: frame f of every band is f, plus 1000 for speaker b."""
    features = {
        utterance: torch.arange(frames, dtype=torch.float)[:, None].repeat(1, 6)
        + (1000.0 if utterance.startswith("b") else 0.0)
        for utterance, frames in lengths.items()
    }
    utt2spk = {utterance: utterance[0] for utterance in lengths}
    options = {"crop_s": 0.1, "frequency_mask_bands": 0, "time_mask_s": 0.0, "seed": 0, **settings}
    return CropSampler(features, utt2spk, **options)


def test_crops_are_stretches_with_their_mean_taken_away() -> None:
    crops, numbers = make_sampler({"a1": 40, "b1": 30}).draw(4)
    assert crops.shape == (4, 10, 6) and set(numbers.tolist()) == {0, 1}
    ramp = torch.arange(10.0) - 4.5
    assert torch.allclose(crops, ramp[None, :, None].expand(4, 10, 6))


def test_every_speaker_comes_equally_often_however_many_utterances_it_has() -> None:
    sampler = make_sampler({"a1": 20, "b1": 20, "b2": 20, "b3": 20, "c1": 20})
    counts: Counter[int] = Counter()
    for _ in range(10):
        counts.update(sampler.draw(3)[1].tolist())
    assert counts == {0: 10, 1: 10, 2: 10}


@pytest.mark.parametrize("frames", [1, 4, 9, 10])
def test_short_utterances_are_repeated(frames: int) -> None:
    crops, _ = make_sampler({"a1": frames, "b1": frames}).draw(2)
    assert crops.shape == (2, 10, 6) and torch.isfinite(crops).all()


def test_masks_are_zero_and_leave_the_features_alone() -> None:
    sampler = make_sampler({"a1": 15, "b1": 15}, frequency_mask_bands=3, time_mask_s=0.03)
    before = {key: value.clone() for key, value in sampler.features.items()}
    crops, _ = sampler.draw(64)
    bands = (crops == 0).all(dim=1).sum(dim=1)
    frames = (crops == 0).all(dim=2).sum(dim=1)
    assert bands.max() == 3 and bands.min() == 0
    assert frames.max() == 3 and frames.min() == 0
    assert all(torch.equal(before[key], value) for key, value in sampler.features.items())


def test_a_mask_wider_than_the_crop_covers_it() -> None:
    sampler = make_sampler({"a1": 15, "b1": 15}, frequency_mask_bands=50, time_mask_s=0.5)
    assert sampler.draw(16)[0].shape == (16, 10, 6)


def test_the_seed_decides() -> None:
    draws = [make_sampler({"a1": 90, "b1": 90}, time_mask_s=0.05, seed=s) for s in (0, 0, 1)]
    first, same, other = (sampler.draw(8)[0] for sampler in draws)
    assert torch.equal(first, same) and not torch.equal(first, other)
