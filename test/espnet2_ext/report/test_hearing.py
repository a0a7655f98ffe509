"""Recognisers that were trained, asked together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from reference.tiny_ser import (
    EMOTIONS,
    tiny_data,
    tiny_runs,
    write_config,
    write_corpus,
    write_encoder,
)

from espnet2_ext.report.judges import RecogniserPanel, hear
from espnet2_ext.ser.experiment import train_folds
from espnet2_ext.ser.recogniser import EmotionRecogniser, find_recognisers, voices_text
from espnet2_ext.speaker.encoder import build_speaker_encoder
from espnet2_ext.speaker.train import build_mini_speaker_model, save_mini_speaker_model


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a system with two folds trained for an epoch."""
    root = tmp_path_factory.mktemp("ser1")
    write_corpus(root)
    write_encoder(root)
    runs = tiny_runs(root, write_config(root, "p2v", max_epoch=1))
    train_folds(runs, tiny_data(root))
    return runs[0].directory.parents[1]


def waves() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.normal(0, s, 5000).astype(np.float32) for s in (0.02, 0.2)]


def test_a_panel_gives_the_mean_of_its_members(experiment: Path) -> None:
    found = find_recognisers(experiment)
    assert len(found) == 2
    panel = RecogniserPanel(found)
    singles = [EmotionRecogniser(files.model_file)(waves()) for files in found]
    for answer, *single in zip(panel(waves()), *singles, strict=True):
        assert list(answer) == sorted(EMOTIONS)
        for emotion in EMOTIONS:
            expected = np.mean([one[emotion] for one in single])
            assert answer[emotion] == pytest.approx(expected, abs=1e-6)
    assert voices_text(found, {"z"}) == "trained on 3 voices, none of the 1 they judge"


def test_hearing_asks_what_it_is_told_to(experiment: Path) -> None:
    heard = hear(waves()[0], emotion_model=str(experiment))
    [expected] = RecogniserPanel(find_recognisers(experiment))(waves()[:1])
    assert heard.emotions == pytest.approx(expected)
    assert heard.speaker_vector is None
    assert hear(waves()[0]).emotions is None


def test_members_of_different_emotions_are_refused(experiment: Path) -> None:
    found = find_recognisers(experiment)
    found[1].config["emotions"] = ["angry", "calm"]
    with pytest.raises(ValueError, match="knows angry calm, the first angry sad"):
        RecogniserPanel(found)


def test_the_voice_is_the_encoders_vector(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_mini_speaker_model(["a", "b"], channels=8)
    save_mini_speaker_model(model, tmp_path, torch.randn(4, 192))
    heard = hear(waves()[1], speaker_encoder=str(tmp_path))
    expected = build_speaker_encoder(str(tmp_path))(waves()[1])
    np.testing.assert_allclose(heard.speaker_vector, expected, atol=1e-5)
    assert heard.emotions is None
