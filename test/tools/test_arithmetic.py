"""The decoder's arithmetic against figures worked out by hand (millions of multiply-adds)."""

import pytest

from tools.bench import arithmetic
from tools.bench.arithmetic import DecoderSizes, Machine

BY_HAND = {
    "prenet": 0.09,
    "prenet gates": 1.44,
    "context gates": 5.05,
    "recurrent gates": 7.93,
    "query": 0.18,
    "location convolution": 0.50,
    "location": 1.02,
    "score": 0.03,
    "context": 0.22,
    "decoder input gates": 9.44,
    "decoder recurrent gates": 4.19,
    "projections": 0.16,
}


def test_multiply_adds_at_ten_seconds():
    paper = DecoderSizes()
    macs = arithmetic.decoder_macs(paper, num_units=250)
    assert {part: round(count / 1e6, 2) for part, count in macs.items()} == BY_HAND
    narrow = DecoderSizes(attention_lstm_units=1024)
    # ESPnet: prenet 0.086; LSTMs (896 + 256 + 1024) x 4096 and 2048 x 4096; query 1024 x 128; of
    # 50 units convolution 2 x 31 x 32, location 32 x 128, score 128, context 896; 1920 x 81.
    espnet = 0.086 + 8.913 + 8.389 + 0.131 + 50 * (0.001984 + 0.004096 + 0.000128 + 0.000896)
    for found, millions in (
        (sum(macs.values()), 30.25),
        (arithmetic.loop_macs(paper, 250), 14.93),
        (sum(arithmetic.decoder_macs(narrow, 250).values()), 23.12),
        (arithmetic.loop_macs(narrow, 250), 9.77),
        (62.5 * arithmetic.training_flop(paper, 250) / 1e3, 11.34),
        # 13.16 M weights stay in the loop; the decoder LSTM's recurrence adds 1024 x 4096.
        (arithmetic.sequential_weights(paper), 13.16 + 4.19),
        (arithmetic.espnet_macs(paper, 50), espnet + 0.156),
    ):
        assert found / 1e6 == pytest.approx(millions, abs=0.01)


ONES = "mel_dim prenet_dim attention_lstm_units attention_dim location_channels".split()
ONES += ["location_kernel_size", "decoder_lstm_units"]
TINY = DecoderSizes(encoded_dim=2, shared_dim=5, **dict.fromkeys(ONES, 1))


def test_floors_by_hand():
    # Without what units share: prenet 2, its gates 4, context 8, recurrent 4, query 1; three
    # units: convolution 6, location 3, score 3, context 6; decoder 12 + 4, projections 6.
    # In a loop: 8 + 4 + 1 + 6 + 3 + 3 + 6 = 31, and the decoder's recurrence 4; total 59.
    compute_bound = Machine(flop_per_second=2.0, bytes_per_second=1e12)
    assert arithmetic.training_floor_seconds(TINY, 3, 1, compute_bound) == pytest.approx(3 * 59)
    assert arithmetic.generation_floor_seconds(TINY, 3, 1, compute_bound) == pytest.approx(59)
    # Sequential weights: 8 + 4 + 1 + (2 + 1) + 1 + 4 = 21; all that generation reads: 41.
    memory_bound = Machine(flop_per_second=1e12, bytes_per_second=4.0)
    assert arithmetic.training_floor_seconds(TINY, 3, 1, memory_bound) == pytest.approx(2 * 21)
    for size, share in ((4, 1), (2, 2)):
        seconds = arithmetic.generation_floor_seconds(TINY, 3, 1, memory_bound, size)
        assert share * seconds == pytest.approx(41)
