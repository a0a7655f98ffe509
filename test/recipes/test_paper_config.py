"""The paper's configuration: what [P2V] gives has its value, what it does not give says so."""

import re
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import pytest
import yaml
from reference.fake_recipe import EGS2

from espnet2_ext.prosody2vec.model import Prosody2VecModel

CONF = EGS2 / "TEMPLATE/p2v1/conf"

# What the paper gives, and where.
GIVEN = {
    "features_conf.sample_rate_hz": 16000,  # IV-B: 1024 samples are 64 ms
    "features_conf.n_fft": 1024,  # IV-B
    "features_conf.hop_length": 256,  # IV-B: 16 ms
    "features_conf.mel_dim": 80,  # IV-B, Table II
    "specaug_conf.apply_freq_mask": True,  # IV-B
    "specaug_conf.num_freq_mask": 2,  # IV-B
    "unit_encoder": "units2vec",  # III-A
    "unit_encoder_conf.channels": 512,  # Table II
    "unit_encoder_conf.kernel_size": 5,  # Table II
    "unit_encoder_conf.num_convolutions": 3,  # III-A, Table II
    "unit_encoder_conf.lstm_units": 256,  # Table II
    "speaker_dim": 192,  # III-B
    "prosody_encoder": "ecapa",  # III-B
    "prosody_encoder_conf.channels": 1024,  # III-B
    "prosody_encoder_conf.kernel_size": 3,  # III-B
    "prosody_encoder_conf.dilations": [2, 3, 4],  # III-B
    "prosody_encoder_conf.output_dim": 192,  # III-B: the same as the speaker encoder
    "decoder": "attention_lstm",  # III-C
    "decoder_conf.prenet_dim": 256,  # Table II
    "decoder_conf.attention_lstm_units": 1408,  # Table II
    "decoder_conf.attention_dim": 128,  # Table II
    "decoder_conf.location_channels": 32,  # Table II
    "decoder_conf.location_kernel_size": 31,  # Table II
    "decoder_conf.decoder_lstm_units": 1024,  # Table II
    "decoder_conf.reduction_factor": 1,  # Table II: a projection to 80
    "optim": "adam",  # IV-B
    "optim_conf.lr": 1.0e-3,  # IV-B
    "scheduler": "warmupcosine",  # IV-B
    "scheduler_conf.warmup_steps": 3000,  # IV-B
    "grad_clip": 1.0,  # IV-B
    "batch_size": 30,  # IV-B
}
# Ours, and off where the paper's configuration is claimed.
OFF = {
    "model_conf.forced_alignment_updates": 0,
    "model_conf.guided_attention_weight": 0.0,
    "model_conf.tempo_stretch": 1.0,
    "prosody_encoder_conf.input_normalization": "none",
}
OFF_BY_DEFAULT = {"prosody_crop_frames": None, "frozen_batch_norm": False}
"""Arguments of the model that the configuration may leave out."""
# Its width is given; the key counts in a way that has its own test.
GIVEN_OTHERWISE = {"specaug_conf.freq_mask_width_range"}
# Of the computation, not of what is computed.
TECHNICAL = {"decoder_conf.implementation", "num_att_plot", "num_workers"}
NOT_GIVEN = re.compile(r"not (in|named in the) paper|in the paper without a")


def leaves(config: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Return dotted keys and values of everything that is no mapping itself."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def comments(text: str) -> dict[str, str]:
    """Return the comment of each dotted key, and of the mapping that it stands in."""
    found, parents = {}, [("", "")]
    for line in text.splitlines():
        match = re.match(r"( *)(\w+):([^#]*)(?:# (.*))?$", line)
        if not match:
            continue
        depth = len(match[1]) // 4
        parents = parents[: depth + 1]
        name, comment = parents[-1][0] + match[2], match[4] or ""
        found[name] = f"{comment} {parents[-1][1]}"
        if not match[3].strip():
            parents.append((f"{name}.", comment))
    return found


@pytest.mark.parametrize(
    "path",
    [CONF / "train_p2v.yaml", *sorted((CONF / "tuning").glob("*.yaml"))],
    ids=lambda p: p.name,
)
def test_what_the_paper_gives_and_what_it_does_not(path: Path) -> None:
    text = path.read_text()
    values, said = dict(leaves(yaml.safe_load(text))), comments(text)
    assert {name: values[name] for name in GIVEN} == GIVEN
    for name in values.keys() - GIVEN.keys() - GIVEN_OTHERWISE - TECHNICAL:
        assert NOT_GIVEN.search(said[name]), (
            f"{name} is not in the paper, and its comment is silent"
        )


@pytest.mark.parametrize(
    "path", sorted((EGS2 / "TEMPLATE/evc1/conf").rglob("*.yaml")), ids=lambda p: p.name
)
def test_of_fine_tuning_the_paper_gives_the_rate_alone(path: Path) -> None:
    text = path.read_text()
    values, said = dict(leaves(yaml.safe_load(text))), comments(text)
    given = {"optim_conf.lr": 1.0e-5, "scheduler": None}  # IV-D
    assert {name: values[name] for name in given} == given
    for name in values.keys() - given.keys() - TECHNICAL:
        assert NOT_GIVEN.search(said[name]), (
            f"{name} is not in the paper, and its comment is silent"
        )


def test_what_is_ours_is_off() -> None:
    values = dict(leaves(yaml.safe_load((CONF / "train_p2v.yaml").read_text())))
    assert {name: values[name] for name in OFF} == OFF
    for name, off in OFF_BY_DEFAULT.items():
        default = signature(Prosody2VecModel).parameters[name].default
        assert values.get(f"model_conf.{name}", default) == off


def test_the_number_of_updates_is_what_its_comment_says() -> None:
    text = (CONF / "train_p2v.yaml").read_text()
    [(epochs, utterances)] = re.findall(r"ours, (\d+) epochs of ([\d,]+) utterances", text)
    table_3 = 151_000 + 62_000 + 8_000 + 7_400
    assert int(utterances.replace(",", "")) == table_3
    assert yaml.safe_load(text)["scheduler_conf"]["total_steps"] / (3 * table_3 / 30) == (
        pytest.approx(int(epochs), abs=0.5)
    )


def test_the_wide_aggregation_is_the_only_difference() -> None:
    paper = dict(leaves(yaml.safe_load((CONF / "train_p2v.yaml").read_text())))
    path = CONF / "tuning/train_p2v_aggregation3072.yaml"
    wide = dict(leaves(yaml.safe_load(path.read_text())))
    assert wide == paper | {"prosody_encoder_conf.aggregation_channels": 3072}


@pytest.mark.parametrize(
    ("script", "options"),
    [
        (
            "p2v1/p2v.sh",
            "min_wav_duration max_wav_duration kmeans_feature kmeans_portion kmeans_max_frames"
            " kmeans_switch_penalty",
        ),
        ("evc1/evc.sh", "max_wav_duration"),
    ],
)
def test_options_say_what_is_not_in_the_paper(script: str, options: str) -> None:
    text = (EGS2 / "TEMPLATE" / script).read_text()
    for option in options.split():
        assert re.search(rf"^{option}=.*# .*not in paper", text, flags=re.MULTILINE), option


@pytest.mark.parametrize("path", sorted(EGS2.glob("*/*/conf/*.yaml")), ids=lambda p: str(p)[-60:])
def test_spectral_augmentation_says_what_is_not_in_the_paper(path: Path) -> None:
    for line in path.read_text().splitlines():
        assert not line.startswith("specaug:") or "not in paper" in line, line
