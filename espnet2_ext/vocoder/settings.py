"""The settings of a mel-spectrogram, and whether a vocoder was trained on the same ones.

A vocoder given another mel than its own answers with noise or another voice, never with an
error. What SpeechBrain's directories say of their mel is compared; a copy's hyperparams.yaml may
add the rest under the names below, and of the published ones the sampling rates are known.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import prod
from pathlib import Path
from typing import NamedTuple

import yaml

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.weights import read_training_config
from espnet2_ext.vocoder.mel import HOP_SAMPLES, MAX_HZ, MEL_DIM, N_FFT

logger = logging.getLogger(__name__)

CONFIG = "config.yaml"
BEST_WEIGHTS = "valid.mel_loss.best.pth"
"""Taken where a directory is named."""
PUBLISHED_RATES_HZ = {
    "speechbrain/tts-hifigan-libritts-16kHz": 16000,
    "speechbrain/tts-hifigan-libritts-22050Hz": 22050,
    "speechbrain/tts-hifigan-ljspeech": 22050,
}
"""Sampling rates that model cards give and the files do not."""


class VocoderFiles(NamedTuple):
    """Options and weights (generator and discriminators) of a vocoder training."""

    config: Path
    weights: Path


def find_vocoder_files(source: str) -> VocoderFiles | None:
    """Return the files of a training; None if the text names something else.

    The source is a directory with config.yaml, whose best weights are taken, or a file of weights.
    """
    path = Path(source)
    if path.is_file():
        if not (path.parent / CONFIG).is_file():
            raise FileNotFoundError(f"{path.parent / CONFIG}: missing; copy it from the training")
        return VocoderFiles(path.parent / CONFIG, path)
    if not (path / CONFIG).is_file() or (path / "hyperparams.yaml").is_file():
        return None  # the latter is SpeechBrain's
    if not (path / BEST_WEIGHTS).is_file():
        raise FileNotFoundError(
            f"{path / BEST_WEIGHTS}: missing; finish the training, or name another file of weights"
        )
    return VocoderFiles(path / CONFIG, path / BEST_WEIGHTS)


def vocoder_fingerprint(source: str) -> str:
    """Return a hash of the weights of a training; "" for any other vocoder.

    A directory of the same name holds other weights after further training.
    """
    files = find_vocoder_files(source)
    if files is None:
        return ""
    with open(files.weights, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


@dataclass(frozen=True)
class MelSettings:
    """Everything the values of a mel depend on, under the names of SpeechBrain's recipes.

    Source: SpeechBrain's 16 kHz recipe for LibriTTS, whose values are the defaults: ``power`` 1
    for magnitudes, natural logarithm floored at 1e-5; ``mel_normalized`` would divide magnitudes
    by the window's energy.
    """

    sample_rate: int = SAMPLE_RATE_HZ
    n_fft: int = N_FFT
    win_length: int = N_FFT
    hop_length: int = HOP_SAMPLES
    n_mel_channels: int = MEL_DIM
    mel_fmin: float = 0.0
    mel_fmax: float = MAX_HZ
    norm: str = "slaney"
    mel_scale: str = "slaney"
    power: float = 1.0
    dynamic_range_compression: bool = True
    mel_normalized: bool = False

    @classmethod
    def of_model(cls, features_conf: Mapping[str, float]) -> "MelSettings":
        """Return the mel of a model's ``features_conf``; missing values are the defaults."""
        theirs = "sample_rate_hz", "n_fft", "n_fft", "hop_length", "mel_dim", "min_hz", "max_hz"
        names = zip([field.name for field in fields(cls)], theirs, strict=False)
        given = {name: features_conf[key] for name, key in names if key in features_conf}
        return cls(**given)  # type: ignore[arg-type]  # values of a checked configuration

    @classmethod
    def of_training(cls, config_path: str | Path) -> "MelSettings":
        """Return the mel of a training's config.yaml, which must be there and be one."""
        config = read_training_config(config_path)
        if "features_conf" not in config:
            raise ValueError(
                f"{config_path}: has no features_conf, so it is no training's; copy it again"
            )
        return cls.of_model(config["features_conf"] or {})

    def differences(self, stated: Mapping[str, object]) -> list[str]:
        """Return ``name theirs (the model: ours)`` for each stated setting that differs."""
        return [
            f"{name} {stated[name]} (the model: {ours})"
            for name, ours in asdict(self).items()
            if name in stated and stated[name] != ours
        ]


def check_vocoder_mel(source: str, model_mel: MelSettings = MelSettings()) -> None:
    """Raise a ValueError unless the vocoder (see `build_vocoder`) inverts the model's mel.

    Only what its files say is compared. The one line of the error names all differences.
    """
    if source == "griffin_lim":
        stated: dict[str, object] = asdict(MelSettings())
    elif (trained := find_vocoder_files(source)) is not None:
        stated = asdict(MelSettings.of_training(trained.config))
    elif Path(source).is_dir():
        stated = stated_settings(Path(source) / "hyperparams.yaml")
    else:
        known = PUBLISHED_RATES_HZ.get(source.partition("@")[0])
        stated = {} if known is None else {"sample_rate": known}
    differences = model_mel.differences(stated)
    if differences:
        raise ValueError(
            f"vocoder {source}: made for another mel than the model's: {', '.join(differences)}; "
            "take speechbrain/tts-hifigan-libritts-16kHz, or train one on this mel"
        )
    if "sample_rate" not in stated:
        logger.warning(
            f"vocoder {source}: does not say its sampling rate, {model_mel.sample_rate} Hz is "
            "assumed; add 'sample_rate: ...' to its hyperparams.yaml"
        )


class _PlainLoader(yaml.SafeLoader):
    """Reads yaml without acting on any tag: ``!ref <key>`` stays text."""


def _plain(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_PlainLoader.add_constructor(None, _plain)  # of every tag that is not known


def stated_settings(path: Path) -> dict[str, object]:
    """Return the mel settings in a SpeechBrain ``hyperparams.yaml``; nothing in it is run.

    The hop is also what the generator multiplies frames by, the bands its input channels.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; copy the whole vocoder there")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _PlainLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{path}: not readable as yaml ({reason}); copy it again") from error
    values = values if isinstance(values, dict) else {}
    generator = values.pop("generator", None)
    if isinstance(generator, dict):
        references = {f"<{key}>": value for key, value in values.items()}
        values |= {
            key: references.get(value, value) if isinstance(value, str) else value
            for key, value in generator.items()
        }
    stated = {name: values[name] for name in asdict(MelSettings()) if name in values}
    if stated.get("mel_normalized", False) is None:  # as in the recipe
        stated["mel_normalized"] = False
    factors = values.get("upsample_factors")
    if isinstance(factors, list) and all(isinstance(factor, int) for factor in factors):
        stated["hop_length"] = prod(factors)
    if isinstance(values.get("in_channels"), int):
        stated["n_mel_channels"] = values["in_channels"]
    return stated
