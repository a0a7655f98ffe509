"""The command: what it passes on, and what it says of errors."""

from pathlib import Path

import pytest

from espnet2_ext.bin import p2v_inference
from espnet2_ext.prosody2vec.decoding import GenerationLimits

REQUIRED = (
    "--model_file m.pth --data_dir dump --unit_tag tiny --pairs_dir pairs --output_dir out"
).split()


def test_options_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(p2v_inference, "convert_pairs", lambda **options: asked.append(options))
    (tmp_path / "limits.yaml").write_text("max_frames_per_unit: 3\n")
    p2v_inference.main(REQUIRED)
    limits = ["--inference_config", str(tmp_path / "limits.yaml")]
    p2v_inference.main([*REQUIRED, *limits, "--ngpu", "1", "--compensation_data_dir", ""])
    first, second = asked
    assert first == {
        "model_file": "m.pth",
        "train_config": None,
        "data_dir": "dump",
        "unit_tag": "tiny",
        "pairs_dir": "pairs",
        "output_dir": "out",
        "vocoder": "griffin_lim",
        "compensation_data_dir": None,
        "compensation_speaker_dir": None,
        "batch_size": 16,
        "num_workers": 1,
        "limits": GenerationLimits(),
        "device": "cpu",
    }
    assert second["limits"] == GenerationLimits(max_frames_per_unit=3)
    assert (second["device"], second["compensation_data_dir"]) == ("cuda", "")


def test_errors_are_one_line_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^p2v_inference: m\.pth: no such model"):
        p2v_inference.main(REQUIRED)
    Path("m.pth").touch()
    Path("config.yaml").write_text("features_conf:\n  hop_length: 200\n")
    with pytest.raises(SystemExit, match=r"^p2v_inference: vocoder griffin_lim: .* 200\)") as info:
        p2v_inference.main(REQUIRED)
    assert "\n" not in str(info.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "m.pth"]
