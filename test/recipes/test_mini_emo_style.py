"""The style recipe end to end, one conversion a condition, on a model of random weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from reference.recipe_copy import copy_recipe, modification_times, run_to_the_end
from reference.tiny_trained import write_trained_model

from espnet2_ext.conversion.converter import VarianceCompensation

CONDITIONS = ["cross_lingual", "speaking_style", "emotional_style", "singing"]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a copy of the recipe that shares the templates and the environment."""
    directory = copy_recipe(tmp_path, "style1")
    weights = write_trained_model(tmp_path / "p2v1")
    # As stage 9 of p2v.sh leaves it, for the recipe compensates variance.
    nothing_lost = VarianceCompensation(
        np.zeros(80), np.zeros(80), np.ones(80), {"griffin_lim": 0.0}
    )
    nothing_lost.save(weights.with_suffix(".contrast.json"), "key")
    return directory


def run(recipe: Path, *options: str) -> None:
    """Run run.sh with everything small; on failure show what was printed."""
    command = ["./run.sh", "--local_data_opts", "--pairs_per_condition 1"]
    command += ["--p2v_model", str(recipe.parents[2] / "p2v1/exp/p2v/best.pth")]
    command += ["--inference_nj", "1", "--figures_per_condition", "1", *options]
    run_to_the_end(recipe, command)


@pytest.mark.slow
def test_all_stages_and_a_rerun(recipe):
    run(recipe)
    results = recipe / "exp/style_p2v/griffin_lim/mini_emo_style"
    wavs = sorted(results.glob("wav/*.wav"))
    assert len(wavs) == len(CONDITIONS)
    records = [json.loads(line) for line in (recipe / "exp/results.jsonl").open()]
    rows = {record["row"]: record for record in records if record["table"].startswith("Style")}
    for condition in CONDITIONS:
        for row in ("source (unconverted)", "converted", "copy synthesis"):
            assert rows[f"{condition}, {row}"]["n"] == 1
    assert "synthetic speech" in rows["singing, converted"]["table"]
    assert "variance compensation: true" in rows["singing, converted"]["protocol"]
    figures = [record for record in records if record["unit"] == "path"]
    assert len(figures) == 4 * len(CONDITIONS)
    assert all((recipe / "exp" / record["value"]).is_file() for record in figures)
    page = (recipe / "exp/RESULTS.md").read_text()
    assert "Fig. 10" in page and "source (unconverted)" in page

    times = modification_times(wavs)
    results_before = (recipe / "exp/results.jsonl").read_bytes()
    run(recipe, "--stop_stage", "3")
    assert modification_times(wavs) == times
    assert (recipe / "exp/results.jsonl").read_bytes() == results_before
