"""Models that evaluate conversions, alone and as columns of the table."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

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

from espnet2_ext.bin.score import main
from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics.conversion import read_scores
from espnet2_ext.metrics.models import Predictions
from espnet2_ext.report import evaluation_models as module
from espnet2_ext.report.evaluation_models import EvaluationModels, RecogniserPanel, predict
from espnet2_ext.report.records import Record, read_records
from espnet2_ext.ser.experiment import train_folds
from espnet2_ext.ser.recogniser import EmotionRecogniser, find_recognisers, voices_text
from espnet2_ext.speaker.encoder import build_speaker_encoder
from espnet2_ext.speaker.train import build_mini_speaker_model, save_mini_speaker_model

WAVES = [
    np.random.default_rng(seed).normal(0, s, 5000).astype(np.float32)
    for seed, s in enumerate((0.02, 0.2))
]


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a system with two folds trained for an epoch."""
    root = tmp_path_factory.mktemp("ser1")
    write_corpus(root)
    write_encoder(root)
    runs = tiny_runs(root, write_config(root, "p2v", max_epoch=1))
    train_folds(runs, tiny_data(root))
    return runs[0].directory.parents[1]


def test_a_panel_gives_the_mean_of_its_members(experiment: Path) -> None:
    found = find_recognisers(experiment)
    assert len(found) == 2
    panel = RecogniserPanel(found)
    singles = [EmotionRecogniser(files.model_file)(WAVES) for files in found]
    for answer, *single in zip(panel(WAVES), *singles, strict=True):
        assert list(answer) == sorted(EMOTIONS)
        for emotion in EMOTIONS:
            expected = np.mean([one[emotion] for one in single])
            assert answer[emotion] == pytest.approx(expected, abs=1e-6)
    predictions = predict(WAVES[0], EvaluationModels(str(experiment)))
    assert predictions.emotions == pytest.approx(panel(WAVES[:1])[0])
    assert predictions.speaker_vector is None
    assert voices_text(found, {"z"}) == "trained on 3 voices, none of the 1 they evaluate"
    found[1].config["emotions"] = ["angry", "calm"]
    with pytest.raises(ValueError, match="knows angry calm, the first angry sad"):
        RecogniserPanel(found)


def test_the_voice_is_the_encoders_vector(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_mini_speaker_model(["a", "b"], channels=8)
    save_mini_speaker_model(model, tmp_path, torch.randn(4, 192))
    predictions = predict(WAVES[1], EvaluationModels(speaker_encoder=str(tmp_path)))
    expected = build_speaker_encoder(str(tmp_path))(WAVES[1])
    np.testing.assert_allclose(predictions.speaker_vector, expected, atol=1e-5)
    assert predictions.emotions is None


class Whisper:
    """Hears "one two three", but one word in what is shorter than half a second."""

    def __init__(self, name: str, device: str) -> None:
        assert (name, device) == ("tiny", "cpu")

    def transcribe(self, waveform: np.ndarray, **options: object) -> tuple[list, None]:
        text = "One." if len(waveform) < 8000 else "One, two, three!"
        return [SimpleNamespace(text=text)], None


def run_dnsmos(waveform: np.ndarray, rate_hz: int) -> dict[str, float]:
    """Return more, the longer a sound is."""
    seconds = len(waveform) / rate_hz
    return {"ovrl_mos": 1 + seconds, "sig_mos": 2 + seconds, "bak_mos": 3.0, "p808_mos": 4.0}


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put stand-ins where the packages would be."""
    speechmos = ModuleType("speechmos")
    speechmos.dnsmos = SimpleNamespace(run=run_dnsmos)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "speechmos", speechmos)
    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=Whisper))
    module._load_whisper.cache_clear()
    yield
    module._load_whisper.cache_clear()


@pytest.fixture
def score(conversion_files, fake_units: None):
    """Return a function that scores by the command and returns the records of the table."""
    files = conversion_files
    # The targets say another word than the sources, so that it shows whose text is taken.
    texts = dict.fromkeys(("spk-s1", "spk-s2"), "One two three.")
    texts |= dict.fromkeys(("spk-t1", "spk-t2"), "One two three four.")
    write_table(files.data_dir / "text", texts)
    write_table(files.data_dir / "utt2emo", {"spk-t1": "angry", "spk-t2": "sad"})
    write_table(files.data_dir / "utt2spk", {"spk-t1": "spk", "spk-t2": "spk"})
    results = files.data_dir.parent / "results.jsonl"

    def score(*options: str) -> dict[tuple[str, str], Record]:
        main(
            f"conversion --inference_dir {files.inference_dir} --data_dir {files.data_dir} "
            f"--pairs_dir {files.pairs_dir} --centroids_path any --unit_tag tiny --table T "
            f"--protocol P --results_path {results}".split()
            + [*options]
        )
        return {(r.row, r.metric): r for r in read_records(results) if r.table == "T"}

    return score


def values(found: dict[tuple[str, str], Record], metric: str) -> dict[str, float]:
    return {row: r.value for (row, name), r in found.items() if name == metric and "," not in row}


def test_words_and_opinions_are_columns(score, packages: None, conversion_files) -> None:
    found = score("--word_error_rate", "tiny", "--dnsmos")
    # Converted 0.3 and 0.9 s, sources 0.5 and 0.6 s, targets 0.4 and 0.75 s.
    assert values(found, "word error rate") == {
        "source (unconverted)": 0.0,
        "converted": pytest.approx((2 / 3 + 0) / 2),
        "copy synthesis": (3 / 4 + 1 / 4) / 2,
        "ground-truth target": (3 / 4 + 1 / 4) / 2,
    }
    assert found["converted", "word error rate"].protocol.endswith(
        "; words by faster-whisper, model tiny; DNSMOS by speechmos"
    )
    kept = read_scores(conversion_files.inference_dir / "scores.tsv")
    rates = {each.pair_id: each.word_error_rate for each in kept if each.row == "converted"}
    assert rates == {"a": pytest.approx(2 / 3, rel=1e-5), "b": 0.0}
    overall = values(found, "DNSMOS")
    assert overall["converted"] == pytest.approx(1 + (0.3 + 0.9) / 2)
    assert overall["source (unconverted)"] == pytest.approx(1 + (0.5 + 0.6) / 2)
    assert overall["ground-truth target"] == pytest.approx(1 + (0.4 + 0.75) / 2)
    assert overall["copy synthesis"] == pytest.approx(overall["ground-truth target"], abs=0.02)
    for name, value in (("speech", 2.6), ("background", 3.0), ("P.808", 4.0)):
        assert values(found, f"DNSMOS, {name}")["converted"] == pytest.approx(value)


@pytest.mark.parametrize(
    ("option", "packages", "message"),
    [
        (["--word_error_rate", "tiny"], ["faster_whisper", "whisper"], "pip install faster-whis"),
        (["--dnsmos"], ["speechmos"], "pip install speechmos"),
    ],
)
def test_a_missing_package_is_one_line_before_any_work(
    score, conversion_files, monkeypatch: pytest.MonkeyPatch, option, packages, message
) -> None:
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit, match=f"^score conversion: .*{message}") as info:
        score(*option)
    assert "\n" not in str(info.value)
    assert not (conversion_files.inference_dir / "scores.tsv").exists()


def test_the_word_error_rate_needs_words_of_every_utterance(
    score, packages: None, conversion_files
) -> None:
    path: Path = conversion_files.data_dir / "text"
    write_table(path, {"spk-s1": "One", "spk-s2": "One", "spk-t1": "?!", "spk-t2": "One"})
    with pytest.raises(SystemExit, match=r"^score conversion: .*text: lacks .* spk-t1; the word"):
        score("--word_error_rate", "tiny")
    assert not (conversion_files.inference_dir / "scores.tsv").exists()
    path.unlink()
    assert values(score("--dnsmos"), "DNSMOS"), "which needs none"


@pytest.fixture
def length_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make emotion and voice a matter of length."""

    def predict_length(waveform: np.ndarray, models: EvaluationModels) -> Predictions:
        angry = 0.9 if len(waveform) < 0.55 * 16000 else 0.2
        emotions = {"angry": angry, "sad": 1 - angry} if models.emotion_model else None
        vector = np.array([1.0, len(waveform) / 16000]) if models.speaker_encoder else None
        return Predictions(emotions, vector)

    found = [SimpleNamespace(voices=lambda v=v: v) for v in ({"x", "y"}, {"y", "z"})]
    monkeypatch.setattr(module, "predict", predict_length)
    monkeypatch.setattr(module, "find_recognisers", lambda path: found)


def test_every_row_has_its_emotion_and_its_voice(score, length_models: None) -> None:
    found = score("--emotion_model", "exp/ser", "--speaker_encoder", "hub/name")
    # 0.3, 0.4 and 0.5 s are angry, 0.6, 0.75 and 0.9 s sad.
    rows = ("source (unconverted)", "converted", "copy synthesis", "ground-truth target")
    assert values(found, "emotion accuracy") == dict.fromkeys(rows, 1.0)
    probability = found["converted", "emotion probability"]
    assert (probability.value, probability.unit) == (pytest.approx((0.9 + 0.8) / 2), "share")
    cosines = [
        (1 + a * b) / np.sqrt((1 + a * a) * (1 + b * b)) for a, b in ((0.3, 0.4), (0.9, 0.75))
    ]
    cosine = values(found, "speaker cosine")
    assert cosine["converted"] == pytest.approx(np.mean(cosines), abs=1e-6)
    assert "ground-truth target" not in cosine
    protocol = probability.protocol
    assert "emotion by 2 recognisers exp/ser, trained on 3 voices, none of the 1 they" in protocol
    assert "speaker cosine by hub/name" in protocol


def test_what_is_not_asked_is_no_column(score, length_models: None, tmp_path: Path) -> None:
    found = score("--emotion_model", "m", "--row_name", "other")
    assert ("other", "emotion accuracy") in found and ("other", "speaker cosine") not in found
    models = EvaluationModels()
    assert models.predictor() is None
    assert models.protocol(tmp_path, tmp_path) == []
    assert models.texts(tmp_path, tmp_path) == {}
