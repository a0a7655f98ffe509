"""Recognition with the encoder of an explicit model: its input, training, rows, single files."""

import logging
import math

import numpy as np
import pytest
import soundfile
from reference.tiny_ser import (
    EMOTIONS,
    LABELS,
    SAMPLES,
    tiny_data,
    write_config,
    write_corpus,
    write_p2v_model,
)

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.bin import ser_inference, ser_train_folds
from espnet2_ext.bin import write_prosody_input as entry
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.data.weights import read_training_config
from espnet2_ext.metrics.ser import read_predictions
from espnet2_ext.prosody2vec.contour_tables import extract_contours
from espnet2_ext.report.ser import collect_system
from espnet2_ext.ser.experiment import SerData, System, list_runs, read_protocols
from espnet2_ext.ser.pretrained import export_prosody_encoder
from espnet2_ext.ser.prosody_input import encoder_input, own_encoder_input, write_prosody_input
from espnet2_ext.ser.recogniser import EmotionRecogniser
from espnet2_ext.ser.task import EmotionTask

F0_HZ = {"a": 110, "b": 160, "c": 220}
STATISTICS = ("others", "own")
SPECAUG = {"apply_time_warp": False, "apply_time_mask": False, "freq_mask_width_range": [0, 13]}
FOR_MELS = {"input_normalization": "level", "specaug": "specaug", "specaug_conf": SPECAUG}


@pytest.fixture
def root(tmp_path, make_pulses):
    """Return a folder with a corpus of tones, each of another pitch, an encoder and contours."""
    data = write_corpus(tmp_path)
    for place, (name, path) in enumerate(read_table(data / "wav.scp").items()):
        tone = make_pulses(F0_HZ[name[0]] + 4 * place, SAMPLES[name] / 16000, 0.1 + 0.02 * place)
        soundfile.write(path, tone, 16000)
    write_table(data / "utt2num_samples", SAMPLES)
    export_prosody_encoder(
        write_p2v_model(tmp_path / "p2v", prosody_path="explicit"), tmp_path / "encoder"
    )
    extract_contours(data, tmp_path / "encoder/config.yaml")
    return tmp_path


def write(root, statistics, name="stats"):
    """Write the table as ser.sh does."""
    options = ["--data_dir", root / "data", "--out_dir", root / name]
    options += ["--prosody_encoder_dir", root / "encoder", "--speaker_statistics", statistics]
    entry.main([str(word) for word in options])
    return {
        key: np.load(path) for key, path in read_table(root / name / "prosody_input.scp").items()
    }


VOICED, UNVOICED = (math.log(200), 1, -1), (0, 0, -2.5)


def test_input_by_hand():
    contours = np.array([VOICED, UNVOICED], dtype=np.float32)
    found = encoder_input(contours, np.array([math.log(160), -2, 9], dtype=np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[5 * math.log(200 / 160), 1, 1], [0, 0, -0.5]], atol=1e-5)


def test_an_utterance_relative_to_itself_by_hand():
    low = (math.log(100), 1, -1)
    contours = np.array([VOICED, low, VOICED, low], dtype=np.float32)
    away = 5 * math.log(2) / 2
    expected = [[away, 1, 0], [-away, 1, 0]] * 2
    np.testing.assert_allclose(own_encoder_input(contours), expected, atol=1e-5)
    contours[3] = UNVOICED  # three voiced frames give no mean
    level = math.log((3 * math.exp(-1) + math.exp(-2.5)) / 4)
    expected = [[0, 0, -1 - level]] * 3 + [[0, 0, -2.5 - level]]
    np.testing.assert_allclose(own_encoder_input(contours), expected, atol=1e-5)


def test_others_are_the_speakers_other_utterances(root):
    others, own = (write(root, which, which) for which in STATISTICS)
    assert others.keys() == own.keys() == LABELS.keys()
    prosody = {
        name: [*map(float, line.split()[:2])]
        for name, line in read_table(root / "data/utt2prosody").items()
    }
    contours = np.load(read_table(root / "data/contours.scp")["b-1"])
    mean = np.mean([prosody[name] for name in ("b-0", "b-2", "b-3")], axis=0)
    voiced = contours[:, 1] == 1
    assert voiced.sum() > 10
    np.testing.assert_allclose(
        others["b-1"][voiced, 0], 5 * (contours[voiced, 0] - mean[0]), atol=1e-4
    )
    np.testing.assert_allclose(
        others["b-1"][:, 2], (contours[:, 2] - mean[1]).clip(-4, 3), atol=1e-4
    )
    assert np.abs(own["b-1"][voiced, 0]).mean() < np.abs(others["b-1"][voiced, 0]).mean()


def test_a_table_is_kept_until_what_made_it_changes(root):
    first = write(root, "others")
    table = root / "stats/prosody_input.scp"
    before = table.stat().st_mtime_ns
    write(root, "others")
    assert table.stat().st_mtime_ns == before
    assert not np.array_equal(write(root, "own")["a-1"], first["a-1"])
    write_table(root / "data/utt2spk", {name: name[-1] for name in LABELS})
    assert not np.array_equal(write(root, "others")["a-1"], first["a-1"])
    config = root / "encoder/config.yaml"
    config.write_text(config.read_text().replace("dio", "praat"))
    with pytest.raises(ValueError, match="tracker dio, the model's is praat"):
        write_prosody_input(root / "data", root / "encoder", root / "stats")


def test_what_mels_get_is_left_out_and_contours_are_needed(root, caplog):
    command = ["--prosody_encoder_dir", root / "encoder", "--input_normalization", "level"]
    command += ["--specaug", "specaug", "--emotions", *EMOTIONS]
    args = EmotionTask.get_parser().parse_args([str(word) for word in command])
    model = EmotionTask.build_model(args)
    assert model.normalize is model.augmentation is None
    assert model.prosody_encoder.input_normalization == "none"
    assert model.prosody_encoder.first.convolution.in_channels == 3
    assert (args.input_normalization, args.specaug, args.normalize) == (None, None, None)
    for left_out in ("input_normalization level", "specaug specaug"):
        assert f"{left_out}: left out, is for mels" in caplog.text
    with pytest.raises(ValueError, match="reads contours: give prosody_input.scp"):
        model.logits()


def test_tables_of_a_recipe(root):
    found = root / "data", root / "stats", root / "encoder"
    with pytest.raises(FileNotFoundError, match="prosody_input.json: no such file; run ser.sh"):
        SerData.of_recipe(*found)
    write(root, "own")
    assert SerData.of_recipe(*found) == tiny_data(
        root,
        shapes=root / "data/utt2num_samples",
        feats=root / "stats/prosody_input.scp",
        speaker_statistics="own",
    )


def train(root, statistics):
    """Train a system on both folds as ser.sh does; return its scores and its runs."""
    write(root, statistics, f"stats_{statistics}")
    system = write_config(root, "p2v", max_epoch=1, **FOR_MELS)
    system.config.write_text(f"# row: FBANK, Prosody2Vec\n{system.config.read_text()}")
    options = ["--configs", system.config, "--folds_dir", root / "folds", "--protocols", "tiny:0"]
    options += ["--data_dir", root / "data", "--expdir", root / statistics, "--emotions", *EMOTIONS]
    options += ["--stats_dir", root / f"stats_{statistics}", "--prosody_encoder_dir"]
    ser_train_folds.main([str(word) for word in (*options, root / "encoder")])
    [protocol] = read_protocols(root / "folds", ["tiny:0"], root / "data/utt2emo")
    scores = collect_system(System.of_config(system.config), protocol, root / statistics, EMOTIONS)
    return scores, list_runs([system], [protocol], root / statistics, EMOTIONS)


def test_training_rows_and_single_files(root, caplog, capsys):
    scores = {}
    for statistics in STATISTICS:
        scores[statistics], runs = train(root, statistics)
        config = read_training_config(runs[0].directory / "config.yaml")
        assert config["prosody_path"] == "explicit"
        assert config["speaker_statistics"] == statistics
        caplog.clear()
        model_file = runs[0].directory / "valid.ua.best.pth"
        recogniser = EmotionRecogniser(model_file)
        assert ("relative to each recording itself" in caplog.text) == (statistics == "others")
        said = read_predictions(runs[0].directory / "predictions/test.1ep.tsv")
        waves = [read_audio(root / f"data/wav/{each.utterance}.flac") for each in said]
        close = [
            posteriors == pytest.approx(dict(each.posteriors), abs=1e-4)
            for each, posteriors in zip(said, recogniser(waves), strict=True)
        ]
        # Of a file alone training said the same where it knew no more than the file.
        assert all(close) == (statistics == "own")
    others, own = (scores[statistics].protocol_text() for statistics in STATISTICS)
    assert "relative to the speaker's other utterances" in others and "(transductive)" in others
    assert "relative to the utterance itself" in own and "transductive" not in own
    assert scores["own"].name == "contours, Prosody2Vec", "no filter bank"
    with caplog.at_level(logging.WARNING):
        wav = str(root / "data/wav/a-1.flac")
        ser_inference.main(["--model_file", str(model_file), "--wavs", wav])
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{wav}\t")
    with pytest.raises(SystemExit, match="--speaker_statistics: an option of ser.sh, stage 6"):
        ser_train_folds.main(
            "--configs x --folds_dir x --protocols x --data_dir x --expdir x --emotions x "
            "--stats_dir x --speaker_statistics own".split()
        )
