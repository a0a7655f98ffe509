import pytest
import torch

from espnet2_ext.prosody2vec.scheduled_sampling import SamplingSchedule, sampled_pass


def test_schedule_is_a_ramp():
    schedule = SamplingSchedule(100, 200, 0.4)
    values = [schedule.at(updates) for updates in (0, 100, 150, 200, 999)]
    assert values == pytest.approx([0.0, 0.0, 0.2, 0.4, 0.4])


@pytest.mark.parametrize("options", [{"probability": 1.5}, {"start_updates": 5, "end_updates": 5}])
def test_bad_schedule_is_an_error(options):
    with pytest.raises(ValueError, match="sampling"):
        SamplingSchedule(**options)


def test_probability_zero_is_the_free_pass(make_decoder):
    decoder = make_decoder(2)
    memory, mask = torch.randn(2, 3, 6), torch.ones(2, 3, dtype=torch.bool)
    inputs = torch.randn(2, 4, 4)
    inputs[:, 0] = 0.0
    free = decoder.free(memory, mask, inputs)
    sampled = sampled_pass(decoder, memory, mask, inputs, 0.0)
    torch.testing.assert_close(sampled.mels, free.mels, atol=1e-6, rtol=0)
    torch.testing.assert_close(sampled.attention, free.attention, atol=1e-6, rtol=0)


def test_probability_one_ignores_the_true_frames(make_decoder):
    decoder = make_decoder()
    memory, mask = torch.randn(1, 3, 6), torch.ones(1, 3, dtype=torch.bool)
    one = sampled_pass(decoder, memory, mask, torch.randn(1, 4, 4), 1.0)
    other = sampled_pass(decoder, memory, mask, torch.randn(1, 4, 4), 1.0)
    torch.testing.assert_close(one.mels, other.mels)
