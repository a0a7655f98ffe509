import pytest

from espnet2_ext.report.conversion import scheduled_sampling_text


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("model_conf: {}\n", "scheduled sampling off"),
        ("model_conf:\n  scheduled_sampling: null\n", "scheduled sampling off"),
        (
            "model_conf: {scheduled_sampling: {end_updates: 90, probability: 0.2, mode: parallel}}",
            "scheduled sampling parallel, to 0.2 from update 0 to 90",
        ),
    ],
)
def test_text_says_which(tmp_path, configuration, expected):
    (tmp_path / "config.yaml").write_text(configuration)
    assert scheduled_sampling_text(tmp_path / "config.yaml") == expected
