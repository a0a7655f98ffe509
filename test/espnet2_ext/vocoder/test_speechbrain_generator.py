"""SpeechBrain's generator and ESPnet's give the same sound from the same weights."""

from pathlib import Path

import pytest
import torch
from speechbrain.lobes.models.HifiGAN import HifiganGenerator

from espnet2_ext.vocoder.gan_model import (
    convert_generator,
    load_speechbrain_generator,
    rename,
)
from espnet2_ext.vocoder.hifigan import build_generator

SMALL = {
    "in_channels": 80,
    "out_channels": 1,
    "resblock_type": "1",
    "resblock_dilation_sizes": [[1, 3, 5], [1, 2, 3]],
    "resblock_kernel_sizes": [3, 7],
    "upsample_kernel_sizes": [16, 16, 4, 4],
    "upsample_initial_channel": 32,
    "upsample_factors": [8, 8, 2, 2],
}
SECOND = {"resblock_type": "2", "resblock_dilation_sizes": [[1, 2], [2, 6]]}
SECOND |= {"upsample_factors": [8, 8, 4], "upsample_kernel_sizes": [16, 16, 8]}


def speechbrain_generator(**changes: object) -> HifiganGenerator:
    torch.manual_seed(0)
    generator = HifiganGenerator(**{**SMALL, **changes})
    for name, parameter in generator.named_parameters():
        if not name.endswith("original1"):
            torch.nn.init.uniform_(parameter, 0.3, 1.0)
    return generator.eval()


@pytest.mark.parametrize("changes", [{}, SECOND, {"conv_post_bias": False}])
def test_the_converted_generator_gives_the_same_sound(changes) -> None:
    theirs = speechbrain_generator(**changes)
    converted = convert_generator(theirs)
    ours = build_generator(converted.settings, "reflect").eval()
    ours.load_state_dict(converted.weights)
    mel = torch.randn(2, 80, 20, generator=torch.Generator().manual_seed(1)) - 5.0
    with torch.no_grad():
        expected = theirs(mel)
        assert expected.std() > 0.01
        torch.testing.assert_close(ours(mel), expected, atol=1.0e-5, rtol=1.0e-5)
        theirs.remove_weight_norm()
        ours.remove_weight_norm()
        torch.testing.assert_close(ours(mel), theirs(mel), atol=1.0e-5, rtol=1.0e-5)


def test_older_names_of_weight_norm_are_known() -> None:
    """Files from before torch's parametrizations name the two parts weight_g and weight_v."""
    weights = speechbrain_generator().state_dict()
    older = {}
    for name, value in weights.items():
        name = name.replace("parametrizations.weight.original0", "weight_g")
        older[name.replace("parametrizations.weight.original1", "weight_v")] = value
    assert older.keys() != weights.keys()
    assert rename(older).keys() == rename(weights).keys()


def test_refuses_what_cannot_be_taken_over() -> None:
    with pytest.raises(ValueError, match="cond_channels cannot be taken over"):
        convert_generator(speechbrain_generator(cond_channels=4))
    bare = speechbrain_generator()
    bare.remove_weight_norm()
    with pytest.raises(ValueError, match="has no weight norm"):
        convert_generator(bare)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"hyperparams\.yaml"):
        load_speechbrain_generator(str(tmp_path))
