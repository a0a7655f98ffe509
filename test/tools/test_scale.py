"""Time and memory against the size of a corpus: what is measured, and the page of it."""

import sys
from pathlib import Path

import pytest

from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.speaker.encoder import build_speaker_encoder
from tools.bench import scale, scale_recipe
from tools.bench.scale_stages import (
    Cost,
    StageFailed,
    StageRunner,
    measure_mixture,
    measure_stages,
)

MEBIBYTES = 100


def test_recipe_is_a_recipe_with_so_many_utterances_and_stage_1_of_a_mixture_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = scale_recipe.write_recipe(tmp_path, 120, 3)
    sizes = [validate_data_directory(recipe / "data" / name) for name in ("train", "valid", "test")]
    assert sizes == [120, 3, 3]
    assert validate_data_directory(recipe / "data/valid", check_audio=True) == 3
    assert len((recipe / "data/train/spk2utt").read_text().splitlines()) == 2
    assert build_speaker_encoder(str(recipe / "downloads/speaker_encoder")).dim == 192
    assert (recipe / "common/stage.sh").is_file() and (recipe / "p2v.sh").is_file()

    monkeypatch.setenv("PYTHONPATH", str(scale_recipe.ROOT))
    costs = measure_mixture(recipe, 120)
    assert [cost.what for cost in costs] == ["1 combine data", "1 draw sets"]
    assert all(cost.seconds > 0 and cost.peak_mib > 5 for cost in costs)
    names = ("mixture_train", "mixture_valid", "mixture_test")
    assert [validate_data_directory(recipe / "data" / name) for name in names] == [99, 12, 12]
    scale_recipe.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_memory_is_that_of_the_largest_process_alone(tmp_path: Path):
    held = bytes(3 * MEBIBYTES * 2**20)  # of this process, which is not measured
    runner = StageRunner(tmp_path, 7)
    inner = f"x = bytearray({MEBIBYTES} * 2**20); x[::4096] = bytes(len(x[::4096]))"
    outer = f"import subprocess, sys; subprocess.check_call([sys.executable, '-c', {inner!r}])"
    runner.run("nothing", 7, [sys.executable, "-c", "pass"])
    runner.run("inner", 21, [sys.executable, "-c", outer])
    nothing, used = runner.costs
    assert (used.what, used.sources, used.utterances) == ("inner", 7, 21)
    assert 0.9 * MEBIBYTES < used.peak_mib - nothing.peak_mib < 1.3 * MEBIBYTES
    assert nothing.peak_mib < MEBIBYTES and len(held) > 2 * MEBIBYTES * 2**20
    command = [sys.executable, "-c", "import sys; print('no such corpus'); sys.exit(3)"]
    shown = r"stage 9: exit status 3, .*stages.log ends with\nno such"
    with pytest.raises(StageFailed, match=shown):
        runner.run("stage 9", 1, command)


def test_every_data_stage_is_run_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ran = []

    def note(self, what, utterances, words):
        ran.append((utterances, words[words.index("--stage") + 1 :] if "--stage" in words else []))

    monkeypatch.setattr(StageRunner, "run", note)
    measure_stages(tmp_path, 10, nj=2, splits=4)
    stages = [words for _, words in ran if words]
    assert [words[0] for words in stages] == list("234567882")
    assert [size for size, _ in ran] == [10, *[30] * 9]
    splits = [" ".join(words[-2:]) for words in stages if words[0] == "8"]
    assert splits == ["--num_splits 1", "--num_splits 4"]
    assert stages[-1][-2:] == ["--stop_stage", "7"]


def test_page_has_growth_of_time_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []

    def measure_one(recipe, sources):
        return [Cost("stage 1", sources, sources, 1.0, 10.0)]

    def measure(recipe, sources, nj, splits):
        calls.append(sources)
        # Time grows with the square of the size, memory by 2 KiB an utterance.
        seconds, mebibytes = (sources / 100) ** 2, 50 + 3 * sources * 2048 / 2**20
        return [Cost("stage a", sources, 3 * sources, seconds, mebibytes)]

    monkeypatch.setattr(scale, "measure_stages", measure)
    monkeypatch.setattr(scale, "measure_mixture", measure_one)
    monkeypatch.setattr(scale_recipe, "write_recipe", lambda folder, sources: folder)
    options = ["--work_dir", str(tmp_path / "work"), "--out", str(tmp_path / "SCALE.md")]
    (tmp_path / "work").mkdir()
    scale.main(["--sources", "2048", "1024", *options])
    page = (tmp_path / "SCALE.md").read_text()
    assert "| stage | 3,072: s | 6,144: s | time grows with size to the power |" in page
    assert "| stage a | 104.9 | 419.4 | 2.00 | 56 | 62 | 2,048 |" in page
    assert "| stage 1 | 1.0 | 1.0 | 0.00 | 10 | 10 | 0 |" in page
    assert "Git hash" in page and "Synthetic" in page
    scale.main(["--sources", "1024", "2048", *options])
    assert calls == [1024, 2048]  # not measured again
