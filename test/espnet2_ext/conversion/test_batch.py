import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from reference.tiny_trained import write_trained_model

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.bin import convert_list as convert_list_bin
from espnet2_ext.conversion.batch import CONVERSIONS, convert_list, convert_pairs, read_conversions
from espnet2_ext.conversion.converter import ConversionRequest, Prosody2VecConverter
from espnet2_ext.conversion.recordings import AnyConversion, AnyConverter, Segment, convert_file
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.conversion_list import ListedConversion, write_conversion_list
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.prosody2vec.decoding import GenerationLimits

# ---------------------------------------------------------------- batch


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
    monkeypatch.setattr(
        Prosody2VecConverter,
        "from_file",
        lambda _model, _config, limits, device: Prosody2VecConverter(make_model(2), limits, device),
    )
    return {
        "model_file": tmp_path / "model.pth",
        "train_config": None,
        "data_dir": data,
        "unit_tag": "x",
        "pairs_dir": tmp_path,
        "output_dir": tmp_path / "out",
        "limits": GenerationLimits(max_frames_per_unit=8.0),
    }


def read_generation(options):
    with open(options["output_dir"] / "generation.tsv") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_everything_is_written_and_agrees(options, caplog):
    convert_pairs(**options)
    out, rows = options["output_dir"], read_generation(options)
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


@pytest.mark.parametrize("changed", ["weights", "units", "mix"])
def test_a_change_starts_anew(options, tmp_path, changed):
    convert_pairs(**options)
    attention = options["output_dir"] / "attention/p1.npy"
    written, num_units = attention.stat().st_mtime_ns, np.load(attention).shape[1]
    if changed == "weights":
        options["model_file"].write_bytes(b"other weights")
    elif changed == "units":
        units = read_table(options["data_dir"] / "units_x")
        write_table(options["data_dir"] / "units_x", {**units, "a-1": "1 2 3 4"})
    else:
        write_table(tmp_path / "prosody_mix", {"p1": "a-2 1.0", "p2": "a-1 1.0"})
    convert_pairs(**options)
    assert attention.stat().st_mtime_ns != written
    assert np.load(attention).shape[1] == num_units + (changed == "units")


def test_a_missing_utterance_is_named(options, tmp_path):
    for mix in ("b-1 0.5 nobody 0.5", "b-1 1.0"):
        write_table(tmp_path / "prosody_mix", {"p1": mix, "p2": "a-1 1.0"})
        with pytest.raises(ValueError, match="p1 needs nobody"):
            convert_pairs(**options)
        write_table(tmp_path / "pairs", {"p1": "nobody b-1", "p2": "a-2 a-1"})


def test_a_vocoder_of_another_mel_is_refused_before_any_work(options, tmp_path):
    (tmp_path / "hifigan").mkdir()
    (tmp_path / "hifigan/hyperparams.yaml").write_text("sample_rate: 22050\n")
    # The mel is the model's own, in the configuration that was named.
    (tmp_path / "other.yaml").write_text("features_conf:\n  hop_length: 200\n")
    for vocoder, train_config, message in (
        (str(tmp_path / "hifigan"), None, "sample_rate 22050"),
        ("griffin_lim", tmp_path / "other.yaml", "hop_length 256"),
    ):
        with pytest.raises(ValueError, match=message):
            convert_pairs(**{**options, "vocoder": vocoder, "train_config": train_config})
    assert not options["output_dir"].exists()


def test_mixed_prosody_is_the_weighted_sum_of_vectors(options, tmp_path, make_model):
    """Oracle: the vectors of single utterances, summed by hand and given to the converter."""
    write_table(tmp_path / "pairs", {"p1": "a-1 b-1", "p2": "a-2 b-1"})
    write_table(tmp_path / "prosody_mix", {"p1": "b-1 0.25 a-2 0.75", "p2": "b-1 1.0"})
    convert_pairs(**options)
    converter = Prosody2VecConverter(make_model(2), options["limits"], "cpu")
    wavs = read_table(options["data_dir"] / "wav.scp")
    one, other = (converter.prosody_embeddings([read_audio(wavs[n])])[0] for n in ("b-1", "a-2"))
    for pair, units, vector in (("p1", [1, 2, 3], 0.25 * one + 0.75 * other), ("p2", [4, 5], one)):
        request = ConversionRequest(np.array(units), None, np.ones(3), vector.numpy())
        [expected] = converter.convert([request])
        mel = np.load(options["output_dir"] / f"mel/{pair}.npy")
        np.testing.assert_allclose(mel, expected.mel, atol=1e-4)
    rows = read_generation(options)
    assert [row["mix"] for row in rows] == ["b-1 0.25 a-2 0.75", "b-1 1.0"]


# ---------------------------------------------------------------- list conversion


class FakeConverter:
    """Vectors are file names; speech whose source is loud finds no end."""

    is_explicit = False

    def __init__(self):
        self.heard: list[tuple[str, str]] = []
        self.fails_on = ""

    def prosody(self, files, speaker_files=()):
        return Path(files[0]).stem

    def speaker(self, file):
        return Path(file).stem

    def convert(self, source, prosody, voice, *statistics):
        if prosody == self.fails_on:
            raise KeyboardInterrupt
        self.heard.append((prosody, voice))
        speech = Segment(0, len(source), False)
        return AnyConversion(np.zeros(800), [speech], [speech] if prosody == "sad" else [])


@pytest.fixture
def model(tmp_path):
    """Return arguments of convert_list: list, where to write, and a trained model."""
    model_file = write_trained_model(tmp_path / "recipe")
    files = {"list_file": tmp_path / "list.tsv", "out_dir": tmp_path / "out"}
    return {**files, "model_file": str(model_file)}


@pytest.fixture
def converter(monkeypatch):
    """Return the converter that every model is loaded as."""
    fake = FakeConverter()
    monkeypatch.setattr(AnyConverter, "from_file", lambda *arguments, **options: fake)
    return fake


@pytest.fixture
def listed(make_wav, tmp_path):
    """Return two conversions; the list stands in ``list.tsv``."""
    wavs = {
        name: str(make_wav(f"{name}.wav", seed=seed))
        for seed, name in enumerate(("source", "angry", "sad", "voice"))
    }
    conversions = [
        ListedConversion("one", "x", wavs["source"], wavs["angry"], wavs["voice"]),
        ListedConversion("two", "x", wavs["source"], wavs["sad"]),
    ]
    write_conversion_list(tmp_path / "list.tsv", conversions)
    return conversions


def test_every_line_becomes_a_file_once(tmp_path, model, converter, listed, caplog):
    lines = convert_list(**model)
    assert "1 of 2 found no end, as two" in caplog.text
    assert converter.heard == [("angry", "voice"), ("sad", "source")]
    assert [(line.name, line.not_stopped) for line in lines] == [("one", 0), ("two", 1)]
    assert [Path(line.wav) for line in lines] == [
        tmp_path / f"out/wav/{name}.wav" for name in ("one", "two")
    ]
    assert list(read_conversions(tmp_path / "out").values()) == lines
    assert convert_list(**model) == lines
    assert len(converter.heard) == 2, "nothing was to be done"


def test_only_what_changed_is_done_again(tmp_path, make_wav, model, converter, listed):
    convert_list(**model)
    make_wav("angry.wav", seed=9)
    convert_list(**model)
    assert converter.heard[2:] == [("angry", "voice")]
    (tmp_path / "out/wav/two.wav").unlink()
    convert_list(**model)
    assert converter.heard[3:] == [("sad", "source")]
    write_conversion_list(tmp_path / "list.tsv", listed[:1])
    assert list(convert_list(**model)) == [read_conversions(tmp_path / "out")["one"]]
    assert len(converter.heard) == 4


@pytest.mark.parametrize(
    ("change", "is_new"),
    [
        ("vocoder", True),
        ("weights", True),
        ("contrast", True),
        ("contrast not restored", False),
        ("defaults given", False),
    ],
)
def test_another_model_or_setting_starts_anew(model, converter, listed, change, is_new):
    if change == "contrast not restored":
        model["variance_compensation"] = False
    convert_list(**model)
    weights = Path(model["model_file"])
    if change == "vocoder":
        model["vocoder"] = "other"
    elif change == "weights":
        weights.write_bytes(weights.read_bytes() + b"x")
    elif change == "defaults given":
        model |= {"train_config": None, "vocoder": "griffin_lim", "max_segment_s": 10.0}
        model |= {"variance_compensation": None}
    else:
        weights.with_suffix(".contrast.json").write_text("{}")
    convert_list(**model)
    assert len(converter.heard) == (4 if is_new else 2)


def test_a_killed_run_keeps_what_it_has(model, converter, listed):
    converter.fails_on = "sad"
    with pytest.raises(KeyboardInterrupt):
        convert_list(**model)
    converter.fails_on = ""
    convert_list(**model)
    assert converter.heard == [("angry", "voice"), ("sad", "source")]


def test_a_strange_or_missing_table_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"conversions\.tsv: missing; run the conversion"):
        read_conversions(tmp_path)
    (tmp_path / CONVERSIONS).write_text("a\tb\n")
    with pytest.raises(ValueError, match=r"conversions\.tsv: not a table of conversions"):
        read_conversions(tmp_path)


def test_the_command_on_a_model_of_random_weights(tmp_path, model, listed):
    """What the list's command writes is what bin/convert's function gives for each line."""
    command = ["--out_dir", str(tmp_path / "out"), "--model_file", model["model_file"], "--list"]
    convert_list_bin.main([*command, str(tmp_path / "list.tsv")])
    converter = AnyConverter.from_file(model["model_file"])
    for each in listed:
        convert_file(
            converter,
            source=each.source,
            prosody=[each.prosody],
            speaker=each.speaker or None,
            out=tmp_path / "alone.wav",
        )
        expected = (tmp_path / "alone.wav").read_bytes()
        assert (tmp_path / f"out/wav/{each.name}.wav").read_bytes() == expected
    with pytest.raises(SystemExit, match=r"^convert_list: .*none\.tsv: no such file"):
        convert_list_bin.main([*command, "none.tsv"])
