import shutil
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch
from reference.tiny_trained import write_trained_model

from espnet2_ext.conversion.converter import ConversionRequest, VarianceCompensation
from espnet2_ext.conversion.recordings import (
    AnyConversion,
    AnyConverter,
    ConvertedFile,
    Segment,
    convert_file,
    frame_powers,
    quiet_frames,
    read_speech,
    split_at_pauses,
)
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.units.centroids import Centroids

# ---------------------------------------------------------------- pause splitting


def speech(*parts):
    """Return noise and, for negative numbers of seconds, silence."""
    generator = np.random.default_rng(0)
    return np.concatenate(
        [generator.normal(0, 0.1 * (part > 0), round(16000 * abs(part))) for part in parts]
    ).astype(np.float32)


@pytest.mark.parametrize(
    ("parts", "max_segment_s", "expected"),
    [
        ((1.0, -0.5, 1.5), 10.0, [(0, 48000, False)]),
        # 0.5 s speech, 1.2 s pause, 0.5 s speech, 2 s pause to the end: less 0.1 s beside speech.
        (
            (0.5, -1.2, 0.5, -2.0),
            10.0,
            [(0, 9600, False), (9600, 25600, True), (25600, 36800, False), (36800, 67200, True)],
        ),
        # Cuts may lie at 2 to 4 s; the pause at 1 s is too early, that at 3 s fits.
        (
            (1.0, -0.4, 1.6, -0.4, 2.0),
            4.0,
            [(0, 49600, False), (49600, 52800, True), (52800, 86400, False)],
        ),
    ],
)
def test_golden_splits(parts, max_segment_s, expected):
    assert split_at_pauses(speech(*parts), max_segment_s) == expected


def test_of_two_weak_places_the_weaker_is_taken():
    waveform = speech(6.0)
    waveform[16000 * 5 // 2 :][:4000] *= 0.5
    waveform[16000 * 7 // 2 :][:4000] *= 0.3
    [first, second] = split_at_pauses(waveform, 4.0)
    assert 56000 <= first.stop <= 60000
    assert second == Segment(first.stop, 96000, False)


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_or_repeated_and_no_piece_is_too_long(seed):
    generator = np.random.default_rng(seed)
    parts = generator.exponential(1.2, 30) * generator.choice([1, 1, -1], 30)
    waveform = speech(0.3, *np.clip(parts, -3, 12))[: 16000 * 40]
    segments = split_at_pauses(waveform, 3.0)
    assert (segments[0].start, segments[-1].stop) == (0, len(waveform))
    assert all(left.stop == right.start for left, right in pairwise(segments))
    assert all(segment.num_samples > 0 for segment in segments)
    for segment in segments:
        if segment.is_pause:
            # Clear of speech: neither side cuts into it.
            assert not waveform[segment.start : segment.stop].any()
        else:
            assert 1024 < segment.num_samples <= 3.0 * 16000


def test_quiet_is_40_db_down_or_below_minus_70_and_powers_are_those_of_a_plain_loop():
    decibels = np.array([-20.0, -59.0, -61.0, -90.0])
    assert quiet_frames(10 ** (decibels / 10)).tolist() == [False, False, True, True]
    assert quiet_frames(np.array([1e-8, 0.0])).all()
    waveform = np.random.default_rng(1).normal(0, 1, 1000)
    expected = [np.mean(waveform[start : start + 320] ** 2) for start in range(0, 1000, 160)]
    np.testing.assert_allclose(frame_powers(waveform), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="no sound above -70 dB in 32000 samples"):
        split_at_pauses(np.zeros(32000), 10.0)


# ---------------------------------------------------------------- recordings

LIMITS = GenerationLimits(stop_threshold=0.999, max_frames_per_unit=3.0)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """Return the weights of a recipe; no test changes them."""
    return write_trained_model(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def converter(model_file):
    return AnyConverter.from_file(model_file, limits=LIMITS, max_segment_s=3.0)


def test_a_short_recording_is_one_request_with_the_vectors_of_files(converter, make_wav):
    source = speech(1.0)
    first, second = make_wav("a.wav", seed=1), make_wav("b.wav", seed=2, duration_s=0.5)
    waveforms = [read_speech(path, "x") for path in (first, second)]
    alone = [converter.converter.prosody_embeddings([each])[0].numpy() for each in waveforms]
    assert not np.allclose(*alone, atol=1e-4)
    prosody, voice = converter.prosody([first, second]), converter.speaker(first)
    np.testing.assert_allclose(prosody, np.mean(alone, 0), atol=1e-6)
    np.testing.assert_array_equal(voice, converter.speaker_encoder(waveforms[0]))
    units, _ = converter.unit_encoder.encode(source)
    request = ConversionRequest(units, None, voice, prosody)
    [expected] = converter.converter.convert([request])
    result = converter.convert(source, prosody, voice)
    np.testing.assert_array_equal(result.waveform, converter.vocoder(expected.mel))
    for other in ((prosody + 1, voice), (prosody, -voice)):
        assert not np.array_equal(converter.convert(source, *other).waveform, result.waveform)


def test_a_long_recording_is_its_pieces_one_after_the_other(converter):
    source = speech(1.0, -1.5, 2.0, -0.4, 2.0)
    prosody, voice = np.ones(5, np.float32), np.ones(192, np.float32)
    whole = converter.convert(source, prosody, voice)
    assert [segment.is_pause for segment in whole.segments] == [False, True, False, True, False]
    # Oracle: each piece converted by itself, zeros as long as the pauses between.
    pieces = [
        np.zeros(segment.num_samples)
        if segment.is_pause
        else converter.convert(source[segment.start : segment.stop], prosody, voice).waveform
        for segment in whole.segments
    ]
    assert [len(piece) % 256 for piece in pieces[::2]] == [0, 0, 0]
    assert len(whole.waveform) == sum(map(len, pieces))
    # Phases of Griffin-Lim amplify the last bits, in which a batch differs from one alone.
    assert np.corrcoef(whole.waveform, np.concatenate(pieces))[0, 1] > 0.99
    assert whole.not_stopped == [each for each in whole.segments if not each.is_pause]


def test_a_limit_without_room_for_phrases_is_refused(converter):
    parts = converter.converter, converter.unit_encoder, converter.speaker_encoder
    for limit in (2.0, 61.0, float("nan")):
        with pytest.raises(ValueError, match=f"max_segment_s {limit:g}: must lie in 3 to 60"):
            AnyConverter(*parts, converter.vocoder, max_segment_s=limit)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("short.wav", r"short\.wav: 0\.050 s is too short for a prosody reference; give at least"),
        ("silence.wav", r"silence\.wav: silent \(nothing above -70 dB\), which is no prosody ref"),
    ],
)
def test_what_is_no_reference_gets_one_line(name, said, tmp_path, converter):
    soundfile.write(tmp_path / "short.wav", speech(0.05), 16000)
    soundfile.write(tmp_path / "silence.wav", speech(-2.0), 16000)
    with pytest.raises(ValueError, match=said) as error_info:
        converter.prosody([tmp_path / name])
    assert "\n" not in str(error_info.value)


def test_files_that_are_not_the_models_are_refused(model_file, tmp_path):
    other = Centroids(np.zeros((4, 36), np.float32), "mfcc", 320, 0, 1.0)
    other.save(tmp_path / "other.npz")
    with pytest.raises(ValueError, match="4 units, the model was trained with 5; give its own"):
        AnyConverter.from_file(model_file, centroids=tmp_path / "other.npz")
    with pytest.raises(ValueError, match="sample_rate 22050"):
        AnyConverter.from_file(model_file, vocoder="speechbrain/tts-hifigan-ljspeech")
    recipe = shutil.copytree(model_file.parents[2], tmp_path / "recipe")
    config = recipe / "exp/p2v/config.yaml"
    config.write_text(config.read_text().replace("speaker_dim: 192", "speaker_dim: 3"))
    with pytest.raises(ValueError, match="vectors of 192 values, the model takes 3"):
        AnyConverter.from_file(recipe / "exp/p2v/best.pth")
    (recipe / "exp/p2v/text.pth").write_text("no weights")
    config.write_text(config.read_text().replace("speaker_dim: 3", "speaker_dim: 192"))
    with pytest.raises(ValueError, match=r"text\.pth: damaged, or more than tensors"):
        AnyConverter.from_file(recipe / "exp/p2v/text.pth")
    torch.save({"a": torch.zeros(1)}, recipe / "exp/p2v/other.pth")
    with pytest.raises(ValueError, match=r"other\.pth: .* where its config.yaml has"):
        AnyConverter.from_file(recipe / "exp/p2v/other.pth")


def test_compensation_is_restored_as_asked(model_file, tmp_path, caplog):
    recipe = shutil.copytree(model_file.parents[2], tmp_path / "recipe")
    weights = recipe / "exp/p2v/best.pth"
    assert AnyConverter.from_file(weights).converter.compensation is None
    with pytest.raises(FileNotFoundError, match=r"best\.contrast\.json: missing, so what is to be"):
        AnyConverter.from_file(weights, variance_compensation=True)
    compensation = VarianceCompensation(np.zeros(80), np.zeros(80), np.full(80, 2.0))
    compensation.save(weights.with_suffix(".contrast.json"), "key")
    for asked, gains in ((None, True), (True, True), (False, False)):
        restored = AnyConverter.from_file(weights, variance_compensation=asked).converter
        assert (restored.compensation is not None) == gains
    assert caplog.text.count("does not know what level griffin_lim loses") == 2


# ---------------------------------------------------------------- file conversion


class FakeConverter:
    """Prosody is the seconds of the files, the voice too; speech is as loud as prosody."""

    is_explicit = False

    def __init__(self):
        self.heard: list[tuple[float, float]] = []

    def prosody(self, files, speaker_files=()):
        return np.array([np.mean([soundfile.info(path).duration for path in files])])

    def speaker(self, file):
        return np.array([soundfile.info(file).duration])

    def convert(self, source, prosody, voice, *statistics):
        if len(source) == 3200:
            raise ValueError("too short for a unit")
        self.heard.append((round(float(prosody[0]), 6), float(voice[0])))
        speech = Segment(0, len(source), False)
        return AnyConversion(np.full(1600, 2.0 * prosody[0], np.float32), [speech], [speech])


@pytest.fixture
def files(make_wav, tmp_path):
    """Return recordings of 0.3 (source), 0.5, 0.7 and 0.9 s, and where to write."""
    seconds = {"source": 0.3, "angry": 0.5, "sad": 0.7, "voice": 0.9, "short": 0.2}
    wavs = {name: make_wav(f"{name}.wav", duration_s=each) for name, each in seconds.items()}
    return {**wavs, "out": tmp_path / "out" / "result.wav"}


def test_who_gives_what(files, caplog):
    converter = FakeConverter()
    source, angry, sad, out = files["source"], files["angry"], files["sad"], files["out"]
    for options in (
        {"prosody": [angry]},
        {"prosody": [angry, sad], "speaker": files["voice"]},
        {"prosody": [angry], "intensity": 2.0},
        {"prosody": [angry], "intensity": 0.25, "interpolate_from": files["voice"]},
    ):
        result = convert_file(converter, source=source, out=out, **options)
    assert converter.heard == [(0.5, 0.3), (0.6, 0.9), (0.7, 0.3), (0.8, 0.3)]
    assert [len(each) for each in (result.source, *result.references)] == [4800, 8000]
    written, rate_hz = soundfile.read(out)
    assert (rate_hz, len(written)) == (16000, 1600)
    assert "source.wav: 0.0 to 0.3 s: the model found no end" in caplog.text
    assert "result.wav: samples above full scale were clipped" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interpolate_from": "angry"}, r"angry\.wav: .* matters only with an intensity"),
        ({"out": "mp3"}, r"result\.mp3: only \.wav and \.flac"),
        ({"source": "short"}, r"short\.wav: too short for a unit"),
        ({"out": "source"}, "source.wav: is one of the recordings"),
        ({"out": "sad"}, "sad.wav: is one of the recordings"),
        ({"speaker": "voice", "out": "voice"}, "voice.wav: is one of the recordings"),
    ],
)
def test_refuses_what_makes_no_sense_or_overwrites(files, options, message):
    files["mp3"] = files["out"].with_suffix(".mp3")
    before = {path: path.read_bytes() for path in files.values() if path.exists()}
    given = {name: files[each] for name, each in options.items()}
    if given.get("out") in before:
        given["out"] = given["out"].parent / "." / given["out"].name
    given = {"source": files["source"], "prosody": [files["sad"]], "out": files["out"], **given}
    with pytest.raises(ValueError, match=message):
        convert_file(FakeConverter(), **given)
    assert {path: path.read_bytes() for path in before} == before


def test_summary_gives_seconds_and_pitch(make_pulses):
    heard = ConvertedFile(make_pulses(150, 1.0), [make_pulses(200, 0.5)], np.zeros(8000))
    header, source, prosody, converted = (x.split("\t") for x in heard.summary().splitlines())
    assert header == ["recording", "seconds", "mean_f0_hz"]
    assert (source[:2], prosody[:2]) == (["source", "1.00"], ["prosody", "0.50"])
    assert float(source[2]) == pytest.approx(150, rel=0.01)
    assert float(prosody[2]) == pytest.approx(200, rel=0.01)
    assert converted == ["converted", "0.50", "unvoiced"]
