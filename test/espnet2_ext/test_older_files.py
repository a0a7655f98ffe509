"""Files made before the modules were put together still load and give the same values."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from espnet2_ext.conversion.converter import ConversionRequest, Prosody2VecConverter
from espnet2_ext.data.audio import read_audio
from espnet2_ext.prosody2vec.task import Prosody2VecTask
from espnet2_ext.report.records import OLD_LABELS, append_records, read_records
from espnet2_ext.report.render import render_results
from espnet2_ext.ser.recogniser import EmotionRecogniser, find_recognisers
from espnet2_ext.vocoder.vocode import build_vocoder

KEPT = Path(__file__).parents[1] / "reference/made_2026_11"
WEIGHTS = "exp/p2v/valid.loss.best.pth"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the recipe, and make it the current directory."""
    shutil.copytree(KEPT, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_converts_as_it_did(recipe: Path) -> None:
    expected = np.load("expected.npz")
    converter = Prosody2VecConverter.from_file(WEIGHTS)
    reference = read_audio("dump/raw/train/wav/a-0.flac")
    speaker = np.array([0.1, -0.2, 0.3], np.float32)
    [result] = converter.convert(
        [ConversionRequest(np.array([0, 1, 2, 3, 4, 0]), reference, speaker)]
    )
    np.testing.assert_allclose(result.mel, expected["mel"], atol=1e-5)
    embedding = np.asarray(converter.prosody_embeddings([reference]))
    np.testing.assert_allclose(embedding, expected["embedding"], atol=1e-5)
    audio = build_vocoder("exp/voc")(expected["mel"])
    np.testing.assert_allclose(audio, expected["audio"], atol=1e-5)


def test_a_training_goes_on(recipe: Path) -> None:
    command = "--config conf/train.yaml --output_dir exp/p2v --max_epoch 2 --resume true --ngpu 0"
    command += " --centroids exp/kmeans/centroids.npz"
    command += " --normalize_conf stats_file=exp/stats/train/feats_stats.npz"
    for part in ("train", "valid"):
        command += f" --{part}_shape_file exp/stats/train/speech_shape"
        command += f" --{part}_speaker_dir dump/raw/train"
        for table in (
            "wav.scp,speech,sound",
            "units_mfcc_5,units,text_int",
            "unit_durations_mfcc_5,unit_durations,text_int",
        ):
            command += f" --{part}_data_path_and_name_and_type dump/raw/train/{table}"
    Prosody2VecTask.main(cmd=command.split())
    expected = torch.load("expected_2epoch.pth", weights_only=True)
    weights = torch.load("exp/p2v/2epoch.pth", weights_only=True)
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5, msg=name)


def test_a_recogniser_says_what_it_said(recipe: Path) -> None:
    expected = json.loads(Path("expected.json").read_text())["emotion"]
    [files] = find_recognisers("ser/exp/ser_p2v")
    probabilities = EmotionRecogniser(files.model_file)([read_audio("dump/raw/train/wav/a-0.flac")])
    assert probabilities == [pytest.approx(expected, abs=1e-5)]


def test_old_labels_are_read_merged_and_rendered_as_those_of_today(recipe: Path) -> None:
    text = Path("exp/results.jsonl").read_text()
    assert '"row": "zero effort"' in text and '"metric": "looped"' in text
    records = read_records("exp/results.jsonl")
    labels = {record.row for record in records} | {record.metric for record in records}
    assert {"source (unconverted)", "copy synthesis", "monotonic steps"} <= labels
    assert {"attention coverage", "attention repetition"} <= labels
    assert not labels & OLD_LABELS.keys()
    [old] = [r for r in records if (r.row, r.metric) == ("source (unconverted)", "duration error")]
    assert "ground-truth target's" in old.definition
    assert "variance compensation: true" in old.protocol
    append_records("exp/results.jsonl", [replace(old, value=7.0)])
    assert len(read_records("exp/results.jsonl")) == len(records), "replaced, not added"
    render_results("exp/results.jsonl", "exp/RESULTS.md")
    page = Path("exp/RESULTS.md").read_text()
    [row] = [line for line in page.splitlines() if line.startswith("| converted")]
    assert "| 5.2 [3.8, 7.3] | 10.7 [8.9, 12.5] | 1.000 |" in row
    assert "| source (unconverted) |" in page and "monotonic steps ↑" in page
    assert not re.search(r"zero effort|true target|resynthesis|contrast restored|looped", page)
