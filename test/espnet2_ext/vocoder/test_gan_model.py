"""The model of a vocoder's training: segments, turns, and what each turn teaches."""

import numpy as np
import pytest
import torch
from espnet2.gan_tts.hifigan import HiFiGANMultiScaleMultiPeriodDiscriminator
from reference.tiny_vocoder import DISCRIMINATOR, GENERATOR

from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.vocoder.gan_model import VocoderModel, segment_starts
from espnet2_ext.vocoder.hifigan import build_generator
from espnet2_ext.vocoder.mel import log_mel

LENGTHS = torch.tensor([5000, 4200, 700])


@pytest.fixture
def model() -> VocoderModel:
    torch.manual_seed(0)
    discriminator = HiFiGANMultiScaleMultiPeriodDiscriminator(**DISCRIMINATOR)
    return VocoderModel(HifiGanMel(), build_generator(GENERATOR), discriminator, segment_frames=8)


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    speech = 0.1 * torch.randn(3, 5000, generator=torch.Generator().manual_seed(0))
    return {"speech": speech, "speech_lengths": LENGTHS}


def both_turns(model, batch):
    return [model(**batch, forward_generator=turn) for turn in (False, True)]


def test_mels_of_segments_are_those_of_the_whole_utterance(model, batch) -> None:
    """In training and use the generator gets the same mel: that of ``log_mel``."""
    model.train()
    segments = model._cut(**batch)
    for index, length in enumerate(LENGTHS.tolist()):
        waveform = batch["speech"][index, :length].numpy()
        waveform = np.pad(waveform, (0, max(256 * 8 - length, 0)))
        sounds = segments.waveforms[index, 0].numpy()
        [start] = [
            frame
            for frame in range(len(waveform) // 256 - 7)
            if np.array_equal(waveform[256 * frame : 256 * (frame + 8)], sounds)
        ]
        expected = log_mel(waveform)[start : start + 8].T
        np.testing.assert_allclose(segments.mels[index], expected, atol=2.0e-4)


def test_each_turn_moves_its_own_network_only(model, batch) -> None:
    for turn, own, other in (
        (False, model.discriminator, model.generator),
        (True, model.generator, model.discriminator),
    ):
        model.zero_grad()
        result = model(**batch, forward_generator=turn)
        result["loss"].backward()
        assert result["optim_idx"] == (0 if turn else 1)
        assert all(parameter.grad is not None for parameter in own.parameters())
        if not turn:
            assert all(parameter.grad is None for parameter in other.parameters())
        assert float(result["weight"]) == 3.0


def test_both_turns_of_a_batch_share_one_run_of_the_generator(model, batch) -> None:
    runs = []
    model.generator.register_forward_hook(lambda *_: runs.append(1))
    model.train()
    both_turns(model, batch)
    assert len(runs) == 1
    both_turns(model, {**batch, "speech": batch["speech"].clone()})
    assert len(runs) == 2
    # A turn that was left out is not made up for with an older batch.
    model(**batch, forward_generator=False)
    model(**{**batch, "speech": batch["speech"].clone()}, forward_generator=False)
    assert len(runs) == 4


def test_losses_are_the_published_ones(model, batch) -> None:
    """Against the sums written out from the paper's equations 3 to 7 and the given weights."""
    model.eval()
    model.updates.fill_(1)
    judge, generator = model.discriminator, model.generator
    with torch.no_grad():
        segments = model._cut(**batch)
        fake = generator(segments.mels)
        real = judge(segments.waveforms)
        made = judge(fake)
        discriminator_result, result = both_turns(model, batch)
        assert float(both_turns(model, batch)[1]["loss"]) == float(result["loss"]), "nothing drawn"
        mel_error = np.mean(
            [
                np.abs(log_mel(one.numpy()) - log_mel(other.numpy())).mean()
                for one, other in zip(segments.waveforms[:, 0], fake[:, 0], strict=True)
            ]
        )
    adversarial = sum(((scores[-1] - 1) ** 2).mean() for scores in made)
    features = sum(
        (one - other).abs().mean()
        for ones, others in zip(made, real, strict=True)
        for one, other in zip(ones, others, strict=True)
    )
    judged = sum(((scores[-1] - 1) ** 2).mean() for scores in real)
    judged = judged + sum((scores[-1] ** 2).mean() for scores in made)
    stats = result["stats"]
    assert float(stats["mel_loss"]) == pytest.approx(mel_error, rel=1e-4)
    assert float(stats["adversarial_loss"]) == pytest.approx(float(adversarial), rel=1e-5)
    assert float(stats["feature_match_loss"]) == pytest.approx(float(features), rel=1e-5)
    total = 45.0 * mel_error + float(adversarial) + 2.0 * float(features)
    assert float(result["loss"]) == pytest.approx(total, rel=1e-4)
    assert float(discriminator_result["loss"]) == pytest.approx(float(judged), rel=1e-5)


def test_discriminators_rest_before_their_start(model, batch) -> None:
    model.train()
    model.adversarial_start_updates = 1
    judge, generator = both_turns(model, batch)
    assert (float(judge["loss"]), judge["stats"]) == (0.0, {})
    assert set(generator["stats"]) == {"loss", "mel_loss"}
    assert float(generator["loss"]) == pytest.approx(45.0 * float(generator["stats"]["mel_loss"]))
    judge["loss"].backward()
    assert not any(weight.grad.any() for weight in model.discriminator.parameters())
    model.eval()
    assert "adversarial_loss" not in both_turns(model, batch)[1]["stats"], "of no sense yet"
    model.train()
    judge, generator = both_turns(model, batch)
    assert float(judge["loss"]) > 0.0
    assert float(generator["loss"]) > 45.0 * float(generator["stats"]["mel_loss"])
    assert int(model.updates) == 2
    model.eval()
    assert 0.0 < float(both_turns(model, batch)[1]["stats"]["adversarial_loss"]) < 10.0
    assert int(model.updates) == 2


def test_every_place_is_drawn_and_none_beyond_the_end() -> None:
    torch.manual_seed(0)
    lengths = torch.tensor([256 * 7 + 255, 256 * 4]).repeat(200)
    starts = segment_starts(lengths, 4, is_random=True).view(-1, 2)
    assert set(starts[:, 0].tolist()) == {0, 1, 2, 3}
    assert set(starts[:, 1].tolist()) == {0}
    assert segment_starts(lengths[:2], 4, is_random=False).tolist() == [1, 0]
    with pytest.raises(ValueError, match="segment_frames 2: a mel needs 3"):
        VocoderModel(HifiGanMel(), torch.nn.Identity(), torch.nn.Identity(), segment_frames=2)
