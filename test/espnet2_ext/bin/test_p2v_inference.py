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
    assert (first["limits"], first["device"]) == (GenerationLimits(), "cpu")
    assert (first["model_file"], first["compensation_data_dir"]) == ("m.pth", None)
    assert second["limits"] == GenerationLimits(max_frames_per_unit=3)
    assert (second["device"], second["compensation_data_dir"]) == ("cuda", "")


def test_errors_are_one_line_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^p2v_inference: m\.pth: no such model"):
        p2v_inference.main(REQUIRED)
    assert not list(tmp_path.iterdir())
