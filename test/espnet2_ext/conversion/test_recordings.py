"""Any recording through a trained model of random weights."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from reference.tiny_trained import write_trained_model

from espnet2_ext.conversion.converter import Contrast, ConversionRequest
from espnet2_ext.conversion.recordings import AnyConverter, read_speech
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.units.centroids import Centroids

LIMITS = GenerationLimits(stop_threshold=0.999, max_frames_per_unit=3.0)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights of a recipe; no test changes them."""
    return write_trained_model(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def converter(model_file: Path) -> AnyConverter:
    return AnyConverter.from_file(model_file, limits=LIMITS, max_segment_s=3.0)


def speech(*parts: float) -> np.ndarray:
    """Return noise and, for negative numbers of seconds, silence."""
    generator = np.random.default_rng(0)
    return np.concatenate(
        [generator.normal(0, 0.1 * (part > 0), round(16000 * abs(part))) for part in parts]
    ).astype(np.float32)


def test_vectors_are_those_of_the_parts(
    converter: AnyConverter, make_wav: Callable[..., Path]
) -> None:
    first, second = make_wav("a.wav", seed=1), make_wav("b.wav", seed=2, duration_s=0.5)
    alone = [
        converter.converter.prosody_embeddings([read_speech(path, "x")])[0].numpy()
        for path in (first, second)
    ]
    assert not np.allclose(*alone, atol=1e-4)
    np.testing.assert_allclose(converter.prosody([first, second]), np.mean(alone, 0), atol=1e-6)
    expected = converter.speaker_encoder(read_speech(first, "x"))
    np.testing.assert_array_equal(converter.speaker(first), expected)


def test_a_short_recording_is_one_request_with_the_given_vectors(converter: AnyConverter) -> None:
    source = speech(1.0)
    generator = np.random.default_rng(1)
    prosody, voice = generator.normal(size=5), generator.normal(size=192)
    units, _ = converter.unit_encoder.encode(source)
    request = ConversionRequest(units, None, voice, prosody)
    [expected] = converter.converter.convert([request])
    result = converter.convert(source, prosody, voice)
    np.testing.assert_array_equal(result.waveform, converter.vocoder(expected.mel))
    for other in ((prosody + 1, voice), (prosody, -voice)):
        assert not np.array_equal(converter.convert(source, *other).waveform, result.waveform)


def test_a_long_recording_is_its_pieces_one_after_the_other(converter: AnyConverter) -> None:
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


class OnesVocoder:
    """A vocoder that says 1 and counts the frames."""

    name = "ones"
    num_frames = 0

    def __call__(self, mel: np.ndarray) -> np.ndarray:
        self.num_frames += len(mel)
        return np.ones(256 * len(mel), np.float32)


def test_three_minutes_are_converted_whole(converter: AnyConverter) -> None:
    source = speech(*[2.5, -0.5] * 60)
    vocoder = OnesVocoder()
    quick = AnyConverter(
        converter.converter, converter.unit_encoder, converter.speaker_encoder, vocoder
    )
    result = quick.convert(source, np.ones(5), np.ones(192))
    pauses = sum(each.num_samples for each in result.segments if each.is_pause)
    assert sum(each.num_samples for each in result.segments) == len(source) == 180 * 16000
    assert max(e.num_samples for e in result.segments if not e.is_pause) <= 160000
    assert len(result.waveform) == pauses + 256 * vocoder.num_frames
    assert result.waveform.sum() == 256 * vocoder.num_frames


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("short.wav", r"short\.wav: 0\.050 s is too short for a prosody reference; give at least"),
        ("silence.wav", r"silence\.wav: silent \(nothing above -70 dB\), which is no prosody ref"),
        ("empty.wav", r"empty\.wav: the file is empty; "),
        ("text.wav", r"text\.wav: not readable as audio"),
    ],
)
def test_what_is_no_reference_gets_one_line(
    name: str, said: str, tmp_path: Path, converter: AnyConverter
) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("words " * 100)
    soundfile.write(tmp_path / "short.wav", speech(0.05), 16000)
    soundfile.write(tmp_path / "silence.wav", speech(-2.0), 16000)
    with pytest.raises(ValueError, match=said) as error_info:
        converter.prosody([tmp_path / name])
    assert "\n" not in str(error_info.value)


def test_files_that_are_not_the_models_are_refused(model_file: Path, tmp_path: Path) -> None:
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


def test_contrast_is_restored_as_asked(
    model_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = shutil.copytree(model_file.parents[2], tmp_path / "recipe")
    weights = recipe / "exp/p2v/best.pth"
    assert AnyConverter.from_file(weights).converter.contrast is None
    with pytest.raises(FileNotFoundError, match=r"best\.contrast\.json: missing, so what is to be"):
        AnyConverter.from_file(weights, restore_contrast=True)
    Contrast(np.zeros(80), np.zeros(80), np.full(80, 2.0)).save(
        weights.with_suffix(".contrast.json"), "key"
    )
    restored = {
        asked: AnyConverter.from_file(weights, restore_contrast=asked).converter.contrast
        for asked in (None, True, False)
    }
    assert [asked for asked, contrast in restored.items() if contrast is not None] == [None, True]
    assert caplog.text.count("does not know what level griffin_lim loses") == 2
