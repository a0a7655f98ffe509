"""The command: what it passes on, and what it says of errors."""

from pathlib import Path

import pytest

from espnet2_ext.bin import robustness
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.report.robustness import ConversionSettings

REQUIRED = (
    "--model_file m.pth --data_dir dump --pairs_dir pairs --unit_tag tiny --centroids_path c.npz "
    "--results_path r.jsonl --table t --out_dir out"
).split()


def test_options_become_settings_and_amounts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def report(settings: ConversionSettings, **options) -> None:
        asked.append((settings, options))

    monkeypatch.setattr(robustness, "report_robustness", report)
    robustness.main(REQUIRED)
    robustness.main(
        [*REQUIRED, *"--shares 0 0.3 --snrs_db -5 --rt60s_s --noises white --seed 3".split()]
    )
    (settings, options), (seeded, changed) = asked
    assert settings == ConversionSettings("m.pth", "c.npz")
    assert options == {
        "data_dir": "dump",
        "pairs_dir": "pairs",
        "unit_tag": "tiny",
        "results_path": "r.jsonl",
        "table": "t",
        "out_dir": "out",
        "shares": [0, 0.05, 0.1, 0.2, 0.4],
        "snrs_db": [30, 20, 10, 0],
        "rt60s_s": [0.3, 0.6],
        "noises": ["white", "babble"],
        "max_pairs": None,
    }
    assert seeded == ConversionSettings("m.pth", "c.npz", seed=3)
    amounts = ("shares", "snrs_db", "rt60s_s", "noises")
    assert [changed[name] for name in amounts] == [[0, 0.3], [-5], [], ["white"]]


def test_limits_are_read_from_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ConversionSettings] = []
    monkeypatch.setattr(robustness, "report_robustness", lambda given, **_: asked.append(given))
    (tmp_path / "limits.yaml").write_text("max_frames_per_unit: 3\n")
    robustness.main([*REQUIRED, "--inference_config", str(tmp_path / "limits.yaml")])
    assert asked[0].limits == GenerationLimits(max_frames_per_unit=3)


def test_an_error_is_one_line() -> None:
    with pytest.raises(SystemExit, match=r"^robustness: a share of replaced units must lie in"):
        robustness.main([*REQUIRED, "--shares", "2"])
