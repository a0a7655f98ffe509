import math
from pathlib import Path

import pytest
import torch
import yaml
from speechbrain.lobes.models.HifiGAN import mel_spectrogram

from espnet2_ext.prosody2vec import mels as mels_module
from espnet2_ext.prosody2vec.mels import (
    LOG_MEL_FLOOR,
    HifiGanMel,
    VoiceWarp,
    crop_mels,
    draw_factors,
    stretch_mels,
)
from espnet2_ext.training.options import specaug_choices

# ---------------------------------------------------------------- mels

# float32 transforms of different libraries, on values around 1 to 10.
TOLERANCE = 5.0e-5


def vocoder_mel(waveform):
    """Return (T, 80) as the HiFi-GAN vocoder's own training code makes it."""
    return mel_spectrogram(
        16000, 256, 1024, 1024, 80, 0.0, 8000.0, 1, False, "slaney", "slaney", True, waveform
    ).T


def test_equals_the_vocoders_mel():
    torch.manual_seed(0)
    speech = 0.1 * torch.randn(1, 4321)
    mels, mel_lengths = HifiGanMel()(speech, torch.tensor([4321]))
    assert mels.shape == (1, 4321 // 256 + 1, 80)
    assert mel_lengths.tolist() == [17]
    torch.testing.assert_close(mels[0], vocoder_mel(speech[0]), atol=TOLERANCE, rtol=0)


def test_batch_equals_alone_and_ignores_what_lies_past_the_end():
    torch.manual_seed(0)
    speech = 0.1 * torch.randn(3, 6000)
    lengths = torch.tensor([6000, 3001, 513])
    mels, mel_lengths = HifiGanMel()(speech, lengths)
    for item, length in enumerate(lengths.tolist()):
        alone, _ = HifiGanMel()(speech[item : item + 1, :length], torch.tensor([length]))
        frames = int(mel_lengths[item])
        torch.testing.assert_close(mels[item, :frames], alone[0], atol=1e-5, rtol=0)
        assert (mels[item, frames:] == 0).all()


def test_silence_is_the_floor_and_too_short_an_error():
    mels, _ = HifiGanMel()(torch.zeros(1, 2000), torch.tensor([2000]))
    assert torch.allclose(mels, torch.full_like(mels, LOG_MEL_FLOOR))
    with pytest.raises(ValueError, match="512 samples is too short"):
        HifiGanMel()(torch.zeros(1, 512), torch.tensor([512]))


# ---------------------------------------------------------------- tempo


def test_worked_by_hand():
    mels = torch.tensor([[[0.0], [2.0], [4.0]], [[1.0], [3.0], [9.0]]])
    stretched, lengths = stretch_mels(mels, torch.tensor([3, 2]), torch.tensor([2.0, 0.5]))
    assert lengths.tolist() == [6, 1]
    # Frame t stands at t / 2: 0, 0.5, ... 2.5, the last held at frame 2.
    assert stretched[0, :, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert stretched[1, :, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_batch_equals_alone_and_factor_one_changes_nothing():
    torch.manual_seed(0)
    mels, lengths, factors = torch.randn(3, 9, 3), torch.tensor([9, 5, 7]), [0.8, 1.25, 1.0]
    mels[1, 5:] = 1.0e6  # padding is never seen
    together, long = stretch_mels(mels, lengths, torch.tensor(factors))
    for item, (length, factor) in enumerate(zip(lengths.tolist(), factors, strict=True)):
        one = mels[item : item + 1, :length]
        alone, size = stretch_mels(one, torch.tensor([length]), torch.tensor([factor]))
        torch.testing.assert_close(together[item, : int(long[item])], alone[0])
        assert size.tolist() == [int(long[item])]
    assert long[2] == 7
    torch.testing.assert_close(together[2, :7], mels[2, :7])


def test_factors_lie_in_their_range():
    torch.manual_seed(0)
    factors = draw_factors(1000, 1.25, torch.device("cpu"))
    assert 0.8 <= factors.min() < 0.82
    assert 1.22 < factors.max() <= 1.25
    assert abs(float(factors.log().mean())) < 0.02


# ---------------------------------------------------------------- prosody crop


def _counting_mels(lengths):
    """Return (B, T, 1): frame t of item b is 1000 b + t + 1, zero past the end."""
    mels = torch.zeros(len(lengths), max(lengths), 1)
    for item, length in enumerate(lengths):
        mels[item, :length, 0] = 1000.0 * item + torch.arange(length) + 1
    return mels


def test_each_item_gives_a_whole_stretch_of_its_own():
    lengths = torch.tensor([9, 4, 2])
    starts = set()
    for _ in range(200):
        cropped, cropped_lengths = crop_mels(_counting_mels([9, 4, 2]), lengths, 4)
        assert cropped.shape == (3, 4, 1)
        assert cropped_lengths.tolist() == [4, 4, 2]
        assert (cropped[0, :, 0].diff() == 1.0).all()
        assert cropped[1, :, 0].tolist() == [1001.0, 1002.0, 1003.0, 1004.0]
        assert cropped[2, :, 0].tolist() == [2001.0, 2002.0, 0.0, 0.0]
        starts.add(int(cropped[0, 0, 0]))
    assert starts == {1, 2, 3, 4, 5, 6}
    mels = _counting_mels([3, 2])
    cropped, lengths = crop_mels(mels, torch.tensor([3, 2]), 5)
    assert torch.equal(cropped, mels) and lengths.tolist() == [3, 2]


# ---------------------------------------------------------------- specaugment

ROOT = Path(__file__).parents[3]
CONFIGS = sorted(  # without links
    path
    for path in ROOT.glob("egs2/*/*/conf/**/*.yaml")
    if not path.is_symlink() and "freq_mask_width_range" in path.read_text(encoding="utf-8")
)
BANDS, MAX_WIDTH = 80, 50
ITEMS = 21_000


def augmentation(**options):
    """Return the class that ``specaug: specaug`` chooses; the paper's frequency masks."""
    defaults = {
        "apply_time_warp": False,
        "apply_time_mask": False,
        "freq_mask_width_range": [0, MAX_WIDTH + 1],
        "num_freq_mask": 2,
    }
    return specaug_choices.get_class("specaug")(**{**defaults, **options})


def spared_probability(*places, size=BANDS, max_width=MAX_WIDTH):
    """Return the probability that one mask hides none of the places, by enumeration."""
    spared = 0.0
    for width in range(max_width + 1):
        starts = range(size - width + 1)
        free = sum(not any(s <= p < s + width for p in places) for s in starts)
        spared += free / len(starts)
    return spared / (max_width + 1)


def masked_bands(augment, batch_size, items=ITEMS):
    """Return (items, BANDS) bool of items that were drawn in batches of the size."""
    torch.manual_seed(0)
    mels, lengths = torch.ones(batch_size, 2, BANDS), torch.full((batch_size,), 2)
    batches = [augment(mels.clone(), lengths)[0][:, 0] == 0 for _ in range(items // batch_size)]
    return torch.cat(batches)


def assert_frequency(hidden, expected):
    """Assert that the share of hidden (N,) is within five binomial deviations."""
    deviation = math.sqrt(expected * (1 - expected) / hidden.numel())
    assert abs(hidden.double().mean().item() - expected) <= 5 * deviation


@pytest.mark.parametrize("batch_size", [1, 30, 300])
def test_each_band_is_masked_as_often_as_the_closed_form_says(batch_size):
    hidden = masked_bands(augmentation(), batch_size)
    for band in range(BANDS):
        assert_frequency(hidden[:, band], 1 - spared_probability(band) ** 2)
    # The two masks of an item are independent.
    for first, second in [(5, 75), (20, 60), (39, 40)]:
        either = 1 - spared_probability(first, second) ** 2
        assert_frequency(hidden[:, first] | hidden[:, second], either)
    # So are neighbours in a batch.
    one, other = hidden[0 : ITEMS // 2 * 2 : 2, 30], hidden[1::2, 30]
    assert_frequency(one & other, (1 - spared_probability(30) ** 2) ** 2)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT / "egs2")))
def test_configurations_mask_as_wide_as_they_say(path):
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    widest = 12 if "mini_emo" in path.parts else MAX_WIDTH
    augment = augmentation(**{**config["specaug_conf"], "num_freq_mask": 1})
    widths = masked_bands(augment, 3000, 3000).sum(dim=1)
    assert (widths.min(), widths.max()) == (0, widest)
    assert f"widths 0 to {widest} (the upper end is left out" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "time_widths",
    [{"time_mask_width_range": [0, 20]}, {"time_mask_width_ratio_range": [0.0, 0.6]}],
    ids=["range", "ratio"],
)
def test_masks_do_not_depend_on_the_padding_and_leave_it_alone(time_widths):
    augment = augmentation(apply_time_mask=True, replace_with_zero=False, **time_widths)
    lengths = torch.tensor([40, 25, 9])
    inputs = torch.randn(3, 40, BANDS)
    for item, length in enumerate(lengths.tolist()):
        inputs[item, length:] = 0.0
    longer = torch.nn.functional.pad(inputs, (0, 0, 0, 300))
    torch.manual_seed(3)
    short, _ = augment(inputs, lengths)
    torch.manual_seed(3)
    long, _ = augment(longer, lengths)
    torch.testing.assert_close(long[:, :40], short)
    assert not long[:, 40:].any()
    for item, length in enumerate(lengths.tolist()):
        assert not short[item, length:].any()
        assert not torch.equal(short[item, :length], inputs[item, :length])


def test_masked_places_get_zero_or_the_mean_of_the_utterance():
    mels = torch.arange(1.0, 25.0).view(2, 3, 4)
    lengths = torch.tensor([3, 2])
    whole = {"freq_mask_width_range": [4, 5], "num_freq_mask": 1}
    kept = mels.clone()
    zero, _ = augmentation(**whole)(mels, lengths)
    assert torch.equal(mels, kept), "in place"
    assert not zero[0].any() and not zero[1, :2].any()
    assert torch.equal(zero[1, 2], mels[1, 2])
    mean, _ = augmentation(**whole, replace_with_zero=False)(mels, lengths)
    assert torch.equal(mean[0], torch.full((3, 4), 6.5))
    assert torch.equal(mean[1, :2], torch.full((2, 4), 16.5))
    # A mask wider than the axis covers it.
    out, lengths = augmentation(freq_mask_width_range=[90, 95])(torch.ones(4, 3, BANDS))
    assert not out.any()
    assert lengths is None


# ---------------------------------------------------------------- voice warp


def test_voice_warp_moves_harmonics_and_envelope_apart(monkeypatch):
    """Of a smooth hill and a narrow peak only the peak moves with the harmonics' factor."""
    bands = torch.arange(80.0)
    hill = torch.exp(-0.5 * ((bands - 30) / 12).square())
    peak = 0.5 * torch.exp(-0.5 * ((bands - 40) / 0.7).square())
    mels = (hill + peak).expand(2, 5, 80)
    factors = iter([torch.ones(2), torch.tensor([1.25, 1.0])])
    monkeypatch.setattr(mels_module, "draw_factors", lambda *_: next(factors))
    warped, _ = VoiceWarp()(mels)
    torch.testing.assert_close(warped[1], mels[1])
    assert int((warped[0, 0] - hill).argmax()) == 50  # 40 * 1.25
    assert float((warped[0, 0] - hill).abs()[15:35].max()) < 0.05


def test_voice_warp_differs_between_items_and_is_none_at_one():
    mels = torch.randn(3, 4, 20, generator=torch.Generator().manual_seed(0))
    same, lengths = VoiceWarp(fine=1.0, envelope=1.0)(mels, torch.tensor([4, 4, 2]))
    torch.testing.assert_close(same, mels)
    assert lengths.tolist() == [4, 4, 2]
    torch.manual_seed(0)
    changed, _ = VoiceWarp(fine=1.5)(mels[:1].expand(3, -1, -1))
    assert not torch.allclose(changed[0], changed[1])
    with pytest.raises(ValueError, match=r"0\.9"):
        VoiceWarp(fine=0.9)
