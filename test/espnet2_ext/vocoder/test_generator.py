"""ESPnet's generator, checked against what conversion needs."""

import pytest
import torch
from reference.tiny_vocoder import GENERATOR

from espnet2_ext.vocoder.hifigan import build_generator


def test_makes_256_samples_a_frame() -> None:
    assert build_generator(GENERATOR)(torch.zeros(2, 80, 6)).shape == (2, 1, 6 * 256)


def test_reflect_mirrors_the_ends() -> None:
    """A constant input stays constant up to the ends only if they are no step to zero."""
    mel = torch.full((1, 80, 40), -4.0)
    with torch.no_grad():
        first, last, middle = {}, {}, {}
        for edges in ("zeros", "reflect"):
            torch.manual_seed(0)
            generator = build_generator(GENERATOR, edges)
            hidden = generator.input_conv(mel)[0]
            first[edges], last[edges] = hidden[:, 0], hidden[:, -1]
            middle[edges] = hidden[:, 20]
    torch.testing.assert_close(first["reflect"], middle["reflect"])
    torch.testing.assert_close(last["reflect"], middle["reflect"])
    torch.testing.assert_close(middle["zeros"], middle["reflect"])
    assert not torch.allclose(first["zeros"], middle["zeros"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"upsample_scales": [8, 8, 2], "upsample_kernel_sizes": [16, 16, 4]}, "makes 128 samples"),
        ({"in_channels": 40}, "of a frame of 40 bands"),
        ({"upsample_kernel_sizes": [16, 16, 16]}, "of twice upsample_scales"),
    ],
)
def test_refuses_another_mel_or_no_generator(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        build_generator({**GENERATOR, **changes})


def test_refuses_other_edges() -> None:
    with pytest.raises(ValueError, match="generator_edges 'replicate': expected one of zeros"):
        build_generator(GENERATOR, "replicate")
