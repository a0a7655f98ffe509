"""The command: what it passes on, and what it says of errors."""

from pathlib import Path

import pytest

from espnet2_ext.bin import robustness
from espnet2_ext.prosody2vec.decoding import GenerationLimits

REQUIRED = (
    "--model_file m.pth --data_dir dump --pairs_dir pairs --unit_tag tiny --centroids_path c.npz "
    "--results_path r.jsonl --table t --out_dir out"
).split()


def test_options_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict] = []
    monkeypatch.setattr(robustness, "report_robustness", lambda **options: asked.append(options))
    (tmp_path / "limits.yaml").write_text("max_frames_per_unit: 3\n")
    robustness.main(REQUIRED)
    changes = "--shares 0 0.3 --snrs_db -5 --rt60s_s --noises white --seed 3".split()
    robustness.main([*REQUIRED, *changes, "--inference_config", str(tmp_path / "limits.yaml")])
    defaults, changed = asked
    amounts = ("shares", "snrs_db", "rt60s_s", "noises", "seed", "limits")
    assert [defaults[name] for name in amounts] == [
        [0, 0.05, 0.1, 0.2, 0.4], [30, 20, 10, 0], [0.3, 0.6], ["white", "babble"], 0,
        GenerationLimits(),
    ]  # fmt: skip
    limits = GenerationLimits(max_frames_per_unit=3)
    assert [changed[name] for name in amounts] == [[0, 0.3], [-5], [], ["white"], 3, limits]


def test_an_error_is_one_line() -> None:
    with pytest.raises(SystemExit, match=r"^robustness: a share of replaced units must lie in"):
        robustness.main([*REQUIRED, "--shares", "2"])
