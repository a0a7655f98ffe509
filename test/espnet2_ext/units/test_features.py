"""Features from a text."""

import pytest

from espnet2_ext.units.features import build_frame_features


def test_mfcc():
    features = build_frame_features("mfcc")
    assert (features.name, features.dim) == ("mfcc", 36)
    assert (features.stride_samples, features.offset_samples) == (320, 0)


@pytest.mark.parametrize("spec", ["", "mfc", "hubert_base", "hubert_base/", "/6", "hubert/last"])
def test_neither_form(spec):
    with pytest.raises(ValueError, match="expected 'mfcc' or '<S3PRL upstream>/<layer>'"):
        build_frame_features(spec)


def test_mfcc_takes_no_checkpoint():
    with pytest.raises(ValueError, match="take no checkpoint, got 'x'"):
        build_frame_features("mfcc", path_or_url="x")
