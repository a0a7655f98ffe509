"""Conversion with a model of the explicit prosody path: statistics, tempo, control."""

import numpy as np
import pytest
import soundfile
import torch
import yaml
from reference.tiny_trained import EXPLICIT, write_trained_model

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.conversion.batch import convert_pairs
from espnet2_ext.conversion.compensation import model_compensation
from espnet2_ext.conversion.converter import (
    ConversionRequest,
    Prosody2VecConverter,
    VarianceCompensation,
    prosody_vectors,
    untrained_encoder,
)
from espnet2_ext.conversion.recordings import AnyConverter, convert_file
from espnet2_ext.conversion.trained_model import prepare_fine_tuning
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.prosody2vec.contour_tables import extract_contours
from espnet2_ext.prosody2vec.predictor import ProsodyControl
from espnet2_ext.vocoder import build_vocoder

F0_HZ = {"a-1": 110, "a-2": 160, "a-3": 125, "b-1": 220, "b-2": 250}
UNITS = {"a-1": "0 1 2 3", "a-2": "4 0", "a-3": "1 2", "b-1": "3 4", "b-2": "2 1 0"}


@pytest.fixture
def recipe(tmp_path, make_pulses, monkeypatch):
    """A recipe with a trained model and a set of tones of two speakers, with contours."""
    model_file = write_trained_model(tmp_path, EXPLICIT)
    data = tmp_path / "data"
    data.mkdir()
    generator = np.random.default_rng(0)
    for name, f0_hz in F0_HZ.items():
        soundfile.write(data / f"{name}.wav", make_pulses(f0_hz, 0.5 + f0_hz / 1000), 16000)
    write_table(data / "wav.scp", {name: data / f"{name}.wav" for name in F0_HZ})
    write_table(data / "utt2spk", {name: name[0] for name in F0_HZ})
    write_table(data / "units_x", UNITS)
    vectors = {name: generator.standard_normal(192) for name in F0_HZ}
    write_ark_scp(data / "spk_embed.scp", vectors)
    extract_contours(data, model_file.parent / "config.yaml")
    monkeypatch.chdir(tmp_path)
    return model_file


def read(recipe, *names):
    paths = [recipe.parent.parent.parent / "data" / f"{name}.wav" for name in names]
    return [soundfile.read(path, dtype="float32")[0] for path in paths]


def test_a_batch_equals_each_alone(recipe) -> None:
    converter = Prosody2VecConverter.from_file(recipe)
    row = np.array([5.0, -2.0, -2.0], dtype=np.float32)
    source = converter.prosody_embeddings(read(recipe, "a-1"))[0].numpy()
    requests = [
        ConversionRequest(np.arange(n), wave, np.ones(192), None, row, row, source, 9000)
        for n, wave in zip((3, 5), read(recipe, "a-2", "b-1"), strict=True)
    ]
    requests[0] = ConversionRequest(np.arange(3), requests[0].prosody, np.ones(192), None, row)
    together = converter.convert(requests)
    for request, both in zip(requests, together, strict=True):
        [alone] = converter.convert([request])
        np.testing.assert_allclose(alone.mel, both.mel, atol=1e-4)
        np.testing.assert_allclose(alone.unit_prosody, both.unit_prosody, atol=1e-5)
        assert both.is_stopped and both.attention.shape[1] == len(request.units)
        assert both.attention.sum(axis=1).tolist() == [1.0] * len(both.attention)
    with pytest.raises(ValueError, match="speaker_statistics"):
        converter.convert([ConversionRequest(np.arange(3), requests[0].prosody, np.ones(192))])


def test_vectors_are_relative_to_the_speaker(recipe) -> None:
    converter = Prosody2VecConverter.from_file(recipe)
    [wave] = read(recipe, "a-1")
    own = converter.statistics([wave])
    assert np.exp(own[0]) == pytest.approx(110, rel=0.02)
    with torch.no_grad():
        converter.model.bottleneck = None  # whose levels hide small differences
        given, by_itself, of_lower = converter.prosody_embeddings(
            [wave] * 3, [own, None, own - np.array([0.3, 0, 0], dtype=np.float32)]
        )
    torch.testing.assert_close(given, by_itself)
    assert not torch.allclose(given, of_lower)
    paths = [f"data/{name}.wav" for name in ("a-2", "a-1")]
    vectors = prosody_vectors(
        converter.model, {"p": converter.model.prosody_encoder}, paths, [own, own]
    )
    np.testing.assert_allclose(vectors["p"][1], given.numpy(), atol=1e-5)


def test_a_bottleneck_is_that_of_its_own_encoder(recipe) -> None:
    model = Prosody2VecConverter.from_file(recipe).model
    encoders = {"own": model.prosody_encoder, "untrained": untrained_encoder(model.prosody_encoder)}
    row = np.array([5.0, -2.0, -2.0], dtype=np.float32)
    vectors = prosody_vectors(model, encoders, ["data/a-1.wav"], [row])
    assert set(np.unique(vectors["own"] * 2)) <= {-2, -1, 0, 1, 2}
    assert np.abs(vectors["untrained"] * 2 % 1).max() > 1e-3


def test_statistics_of_pairs_leave_the_target_out(recipe, tmp_path, monkeypatch) -> None:
    pairs = {"p1": "a-1 b-1 a-3", "p2": "b-2 a-2"}
    write_table(tmp_path / "pairs/pairs", pairs)
    write_table(tmp_path / "pairs/targets", {"p1": "a-2", "p2": "b-1"})
    asked, generate = {}, Prosody2VecConverter.generate

    def spy(self, requests):
        asked.update({len(request.units): request for request in requests})
        return generate(self, requests)

    monkeypatch.setattr(Prosody2VecConverter, "generate", spy)
    options = {
        "model_file": recipe,
        "train_config": None,
        "data_dir": tmp_path / "data",
        "unit_tag": "x",
        "pairs_dir": tmp_path / "pairs",
        "output_dir": tmp_path / "out",
    }
    convert_pairs(**options)
    first, second = asked[4], asked[3]
    # Of a's recordings, a-3 gives the voice and a-2 is the target.
    assert np.exp(first.speaker_statistics[0]) == pytest.approx(110, rel=0.02)
    # b-2 speaks for itself and its only other utterance is the target: its own counts.
    assert np.exp(second.speaker_statistics[0]) == pytest.approx(234.5, rel=0.03)
    assert first.source_samples == len(read(recipe, "a-1")[0])
    settings = (tmp_path / "out/settings.json").read_text()
    write_table(tmp_path / "pairs/targets", {"p1": "a-1", "p2": "b-1"})
    convert_pairs(**options)
    assert (tmp_path / "out/settings.json").read_text() != settings
    assert read_table(tmp_path / "out/wav.scp").keys() == pairs.keys()


def test_compensation_measures_the_pitch_range_and_learns_the_regression(recipe, tmp_path) -> None:
    converter = Prosody2VecConverter.from_file(recipe)
    data = tmp_path / "data"
    kept = model_compensation(
        converter, recipe, data, "x", build_vocoder("griffin_lim"), speaker_dir=data
    )
    assert 1.0 <= kept.pitch_range <= 1.5
    assert np.shape(kept.speaker_regression) == (193, 3)
    again = VarianceCompensation.load(recipe.with_suffix(".contrast.json"), recipe)
    assert again.pitch_range == kept.pitch_range
    assert again.speaker_regression == kept.speaker_regression
    request = ConversionRequest(
        np.arange(3), read(recipe, "a-2")[0], np.ones(192), None, np.array([5.0, -2.0, -2.0])
    )
    converter.compensation = None
    [plain] = converter.convert([request])
    converter.compensation = VarianceCompensation(
        np.zeros(80), np.zeros(80), np.ones(80), pitch_range=1.5
    )
    [wider] = converter.convert([request])
    pitch, more = plain.unit_prosody[:, 0], wider.unit_prosody[:, 0]
    assert np.ptp(more) == pytest.approx(1.5 * np.ptp(pitch), rel=1e-3)


def test_a_recording_and_where_its_statistics_come_from(recipe, tmp_path) -> None:
    converter = AnyConverter.from_file(recipe)
    files = {"source": "data/a-1.wav", "prosody": ["data/b-1.wav"]}
    plain = convert_file(converter, **files, out=tmp_path / "plain.wav")
    assert plain.statistics_from == {
        "speaker": "1 recording of the speaker",
        "source": "1 recording of the speaker",
        "reference's speaker": "1 recording of the speaker",  # nothing says how to predict it
    }
    assert "mean pitch, level and rate of the source: 1 recording" in plain.summary()
    assert plain.predicted is not None
    assert 0 < plain.predicted.times_s[0] < plain.predicted.times_s[-1]
    assert plain.predicted.times_s[-1] < len(plain.converted) / 16000
    converter.converter.compensation = VarianceCompensation(
        np.zeros(80),
        np.zeros(80),
        np.ones(80),
        speaker_regression=np.vstack([np.zeros((192, 3)), [5.0, -2.0, -2.0]]).tolist(),
    )
    assert converter.statistics(files["prosody"], by_regression=True)[0].tolist() == [5, -2, -2]
    known = convert_file(
        converter,
        **files,
        speaker_wavs=["data/a-2.wav", "data/a-3.wav"],
        out=tmp_path / "known.wav",
    )
    assert known.statistics_from["speaker"] == "3 recordings of the speaker"
    assert known.statistics_from["reference's speaker"] == "regression from the speaker vector"
    fast = convert_file(
        converter, **files, out=tmp_path / "fast.wav", control=ProsodyControl(tempo=2.0)
    )
    assert len(fast.converted) == pytest.approx(len(plain.converted) / 2, abs=3 * 256)


def test_control_needs_the_explicit_path(tmp_path, monkeypatch) -> None:
    (tmp_path / "other").mkdir()
    model_file = write_trained_model(tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    converter = AnyConverter.from_file(model_file)
    soundfile.write("a.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 16000)
    with pytest.raises(ValueError, match="explicit"):
        convert_file(
            converter,
            source="a.wav",
            prosody=["a.wav"],
            out="b.wav",
            control=ProsodyControl(level_db=3.0),
        )


def test_fine_tuning_leaves_the_speaker_classifier_behind(tmp_path, monkeypatch) -> None:
    config = {**EXPLICIT, "num_speakers": 2, "model_conf": {"classifier_weight": 1.0}}
    model_file = write_trained_model(tmp_path, config)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tune.yaml").write_text("model_conf: {tempo_stretch: 1.1}\nmax_epoch: 1\n")
    prepare_fine_tuning(model_file, tmp_path / "tune.yaml", tmp_path / "exp/tuned")
    merged = yaml.safe_load((tmp_path / "exp/tuned/train.yaml").read_text())
    assert merged["prosody_path"] == "explicit"
    assert merged["model_conf"]["classifier_weight"] == 0.0
    assert merged["model_conf"]["tempo_stretch"] == 1.1
    before, after = (
        Prosody2VecConverter.from_file(path).model.state_dict()
        for path in (model_file, tmp_path / "exp/tuned/model.pth")
    )
    assert {name for name in before if name.startswith("speaker_classifier.")}
    assert after.keys() == {name for name in before if not name.startswith("speaker_classifier.")}
    assert all(torch.equal(before[name], after[name]) for name in after)
