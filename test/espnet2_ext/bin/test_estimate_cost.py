"""The command that says what a pretraining will cost, and where its numbers come from."""

from pathlib import Path

import pytest

from espnet2_ext.bin.estimate_cost import main


def printed(capsys: pytest.CaptureFixture, *options: str) -> list[str]:
    main(list(options))
    return capsys.readouterr().out.splitlines()


def test_calculated_speed_is_called_so(capsys: pytest.CaptureFixture, tmp_path: Path):
    (tmp_path / "train.yaml").write_text("optim: adam\n")  # without a number of epochs
    options = ("--corpora", "esd", "--train_config", str(tmp_path / "train.yaml"))
    speech, disk, training, rest = printed(capsys, *options)
    assert speech.startswith("Estimate of speech: 29.1 h, 35,000 utterances, 29.1 h with all")
    assert "sizes of whole corpora: ESD 29.07 h" in speech
    assert "1.7 GB without the originals: flac 1.7, no mels" in disk
    assert "0.038 GPU hours an epoch, at 48,000 mel frames/s (calculated" in training
    assert "not measured; give --mel_frames_per_s" in training
    assert rest.startswith("Not estimated: ")


def test_options_count(capsys: pytest.CaptureFixture, tmp_path: Path):
    (tmp_path / "org").mkdir()
    (tmp_path / "org/utt2num_samples").write_text(f"a {16000 * 3600}\n")
    config = tmp_path / "train.yaml"
    config.write_text("max_epoch: 60\n")
    speech, disk, training, _ = printed(
        capsys,
        *("--corpora", "esd", "--data_dirs", str(tmp_path / "org"), "--speeds", "1", "0.5"),
        *("--precomputed_features", "--mel_frames_per_s", "62.5", "--train_config", str(config)),
    )
    assert f"1.0 h, 1 utterances, 3.0 h with all speeds; counted in {tmp_path / 'org'}" in speech
    assert "flac 0.2, mels 0.2, units 0.00" in disk
    assert f"3 GPU hours an epoch, 180 for 60 ({config}, at most), at 62 mel frames/s" in training
    assert training.endswith("(as given)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--corpora x", "^estimate_cost: x: no size in the catalogue"),
        ("--corpora esd --speeds 0", "^estimate_cost: speeds"),
        ("--corpora esd --train_config no.yaml", "^estimate_cost: .*no.yaml"),
    ],
)
def test_failure_is_one_line(options: str, message: str):
    with pytest.raises(SystemExit, match=message):
        main(options.split())
