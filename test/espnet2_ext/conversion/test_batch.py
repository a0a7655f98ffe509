import csv
import logging

import numpy as np
import pytest
import soundfile

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.conversion.batch import convert_pairs
from espnet2_ext.conversion.converter import ConversionRequest, Prosody2VecConverter
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.prosody2vec.decoding import GenerationLimits


@pytest.fixture
def options(tmp_path, make_model, monkeypatch):
    """Arguments of convert_pairs for three utterances and two pairs."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "dump"
    data.mkdir()
    generator = np.random.default_rng(0)
    wavs = {}
    for name in ("a-1", "a-2", "b-1"):
        wavs[name] = data / f"{name}.wav"
        soundfile.write(wavs[name], 0.1 * generator.standard_normal(4000), 16000)
    write_table(data / "wav.scp", wavs)
    write_table(data / "units_x", {"a-1": "1 2 3", "a-2": "4 5", "b-1": "6"})
    write_ark_scp(data / "spk_embed.scp", {name: np.ones(3) for name in wavs})
    write_table(tmp_path / "pairs", {"p1": "a-1 b-1", "p2": "a-2 a-1 b-1"})
    (tmp_path / "model.pth").write_bytes(b"weights")
    (tmp_path / "config.yaml").write_text("features_conf: {}\n")

    def from_file(model_file, train_config, limits, device):
        return Prosody2VecConverter(make_model(2), limits, device)

    monkeypatch.setattr(Prosody2VecConverter, "from_file", from_file)
    return {
        "model_file": tmp_path / "model.pth",
        "train_config": None,
        "data_dir": data,
        "unit_tag": "x",
        "pairs_dir": tmp_path,
        "output_dir": tmp_path / "out",
        "limits": GenerationLimits(max_frames_per_unit=8.0),
    }


def test_everything_is_written_and_agrees(options, caplog):
    with caplog.at_level(logging.WARNING):
        convert_pairs(**options)
    out = options["output_dir"]
    with open(out / "generation.tsv") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [(r["pair_id"], r["source"], r["prosody"], r["speaker"]) for r in rows] == [
        ("p1", "a-1", "b-1", "a-1"),
        ("p2", "a-2", "a-1", "b-1"),
    ]
    for row in rows:
        mel = np.load(read_table(out / "mel.scp")[row["pair_id"]])
        attention = np.load(read_table(out / "attention.scp")[row["pair_id"]])
        audio, rate = soundfile.read(read_table(out / "wav.scp")[row["pair_id"]])
        assert attention.shape == (int(row["decoder_steps"]), int(row["unit_steps"]))
        assert len(mel) == int(row["decoder_steps"]) * int(row["reduction_factor"])
        assert (len(audio), rate) == (256 * len(mel), 16000)
    assert "did not stop" in caplog.text


def test_rerun_keeps_what_is_complete_and_redoes_what_is_not(options):
    convert_pairs(**options)
    out = options["output_dir"]
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    kept = (out / "mel/p1.npy").stat().st_mtime_ns
    (out / "wav/p1.wav").unlink()
    convert_pairs(**options)
    assert (out / "mel/p1.npy").stat().st_mtime_ns == kept
    (out / "record/p2.json").unlink()
    (out / "generation.tsv").unlink()
    convert_pairs(**options)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_another_model_starts_anew(options):
    convert_pairs(**options)
    kept = (options["output_dir"] / "mel/p1.npy").stat().st_mtime_ns
    options["model_file"].write_bytes(b"other weights")
    convert_pairs(**options)
    assert (options["output_dir"] / "mel/p1.npy").stat().st_mtime_ns != kept


def test_other_units_start_anew(options):
    convert_pairs(**options)
    before = np.load(options["output_dir"] / "attention/p1.npy").shape[1]
    units = read_table(options["data_dir"] / "units_x")
    write_table(options["data_dir"] / "units_x", {**units, "a-1": "1 2 3 4"})
    convert_pairs(**options)
    assert np.load(options["output_dir"] / "attention/p1.npy").shape[1] == before + 1


def write_vocoder(tmp_path, rate_hz):
    """Write what a HiFi-GAN's folder says of its mel; return the folder."""
    folder = tmp_path / "hifigan"
    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(f"sample_rate: {rate_hz}\n")
    return str(folder)


def test_a_vocoder_of_another_mel_is_refused_before_any_work(options, tmp_path):
    options["vocoder"] = write_vocoder(tmp_path, 22050)
    with pytest.raises(ValueError, match=r"hifigan: .* sample_rate 22050 \(the model: 16000\)"):
        convert_pairs(**options)
    assert not options["output_dir"].exists()
    # The mel is the model's own, in the configuration that was named.
    (tmp_path / "other.yaml").write_text("features_conf:\n  hop_length: 200\n")
    options.update(vocoder="griffin_lim", train_config=tmp_path / "other.yaml")
    with pytest.raises(ValueError, match=r"griffin_lim: .* hop_length 256 \(the model: 200\)"):
        convert_pairs(**options)
    assert not options["output_dir"].exists()


def test_a_missing_model_or_configuration_is_named(options, tmp_path):
    (tmp_path / "config.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.yaml: missing; copy it"):
        convert_pairs(**options)
    options["model_file"] = "none.pth"
    with pytest.raises(FileNotFoundError, match=r"none\.pth: no such model"):
        convert_pairs(**options)


def test_missing_utterance_is_an_error_that_names_it(options, tmp_path):
    write_table(tmp_path / "pairs", {"p1": "a-1 nobody"})
    with pytest.raises(ValueError, match="p1 needs nobody"):
        convert_pairs(**options)


def test_mixed_prosody_is_the_weighted_sum_of_vectors(options, tmp_path, make_model):
    """Oracle: the vectors of single utterances, summed by hand and given to the converter."""
    write_table(tmp_path / "pairs", {"p1": "a-1 b-1", "p2": "a-2 b-1"})
    write_table(tmp_path / "prosody_mix", {"p1": "b-1 0.25 a-2 0.75", "p2": "b-1 1.0"})
    convert_pairs(**options)
    converter = Prosody2VecConverter(make_model(2), options["limits"], "cpu")
    wavs = read_table(options["data_dir"] / "wav.scp")
    one, other = (converter.prosody_embeddings([read_audio(wavs[n])])[0] for n in ("b-1", "a-2"))
    voice = np.ones(3, np.float32)
    for pair, units, vector in (
        ("p1", [1, 2, 3], 0.25 * one + 0.75 * other),
        ("p2", [4, 5], one),
    ):
        request = ConversionRequest(np.array(units), None, voice, vector.numpy())
        [expected] = converter.convert([request])
        mel = np.load(options["output_dir"] / f"mel/{pair}.npy")
        np.testing.assert_allclose(mel, expected.mel, atol=1e-4)
    with open(options["output_dir"] / "generation.tsv") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["mix"] for row in rows] == ["b-1 0.25 a-2 0.75", "b-1 1.0"]


def test_another_mix_starts_anew(options, tmp_path):
    convert_pairs(**options)
    kept = (options["output_dir"] / "mel/p1.npy").stat().st_mtime_ns
    write_table(tmp_path / "prosody_mix", {"p1": "a-2 1.0", "p2": "a-1 1.0"})
    convert_pairs(**options)
    assert (options["output_dir"] / "mel/p1.npy").stat().st_mtime_ns != kept


def test_missing_utterance_of_a_mix_is_an_error_that_names_it(options, tmp_path):
    write_table(tmp_path / "prosody_mix", {"p1": "b-1 0.5 nobody 0.5", "p2": "a-1 1.0"})
    with pytest.raises(ValueError, match="p1 needs nobody"):
        convert_pairs(**options)
