"""Whose settings a recipe has: what [P2V] gives has its value, what is ours is off or says so."""

import argparse
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml
from espnet2.utils.get_default_kwargs import get_default_kwargs
from reference.fake_recipe import EGS2, shell

from espnet2_ext.prosody2vec.encoders import ProsodyEncoder
from espnet2_ext.prosody2vec.model import Prosody2VecModel
from espnet2_ext.prosody2vec.task import Prosody2VecTask
from espnet2_ext.ser.model import EmotionModel
from espnet2_ext.ser.task import EmotionTask

# ---------------------------------------------------------------- recipes
OLD_NAME = EGS2 / "mini_emo/ser1/run_judge.sh"
SCRIPTS = sorted({*EGS2.glob("*/*/run*.sh")} - {OLD_NAME})
TASKS = {"p2v1": "p2v_config", "evc1": "evc_config"}
MODEL_OURS = {
    "forced_alignment_updates": 0,
    "guided_attention_weight": 0.0,
    "tempo_stretch": 1.0,
    "prosody_crop_frames": None,
    "frozen_batch_norm": False,
}
"""Of model_conf, with the value that leaves each out."""


def settings_of(text: str) -> str:
    """Return whose settings a script or a README says it has: "ours" or "the paper's"."""
    [who] = re.findall(r"^(?:# |\*\*)Settings: (ours|the paper's)", text, re.M)
    return who


@cache
def options_of(script: Path, *arguments: str) -> dict[str, str]:
    """Return the options that a recipe runs with."""
    done = shell(script.parent, f"./{script.name}", *arguments, "--print_config")
    assert done.returncode == 0, done.stderr
    return dict(word.partition("=")[::2] for word in shlex.split(done.stdout))


def training_of(script: Path) -> argparse.Namespace:
    """Return the options of the training that a recipe of p2v.sh or evc.sh runs.

    The model's own defaults, which ESPnet fills in when it builds it, are among them.
    """
    options = options_of(script)
    name = TASKS[script.parent.name]
    arguments = options[name.replace("config", "args")]
    args = Prosody2VecTask.get_parser().parse_args(
        ["--config", str(script.parent / options[name]), *shlex.split(arguments)]
    )
    args.model_conf = get_default_kwargs(Prosody2VecModel) | args.model_conf
    args.prosody_encoder_conf = get_default_kwargs(ProsodyEncoder) | args.prosody_encoder_conf
    return args


def name_of(script: Path) -> str:
    return str(script.relative_to(EGS2))


def test_options_are_those_of_the_recipe_and_of_the_command_line() -> None:
    script = EGS2 / "lrs3/p2v1/run.sh"
    options = options_of(script)
    assert options["kmeans_portion"] == "0.1"
    assert options["speed_perturb_factors"] == "0.9 1.0 1.1"
    assert options["num_splits"] == "1", "a default of the template"
    assert options_of(script, "--kmeans_portion", "1")["kmeans_portion"] == "1"
    former = shell(OLD_NAME.parent, OLD_NAME, "--print_config")
    assert "run_judge.sh is now run_evaluation_model.sh" in former.stderr
    assert "\nexpdir=exp/judge\n" in former.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_nothing_of_ours_is_on_where_settings_are_the_papers(script: Path) -> None:
    who = settings_of(script.read_text())
    assert settings_of((script.parent / "README.md").read_text()) == who, "beside the results"
    if who == "ours":
        return
    options = options_of(script)
    assert options.get("variance_compensation", "false") == "false"
    assert float(options.get("kmeans_switch_penalty", 0)) == 0
    if script.parent.name in TASKS:
        args = training_of(script)
        assert {name: args.model_conf[name] for name in MODEL_OURS} == MODEL_OURS
        assert args.prosody_path == "implicit"
        assert args.model_conf["stop_weight"] > 0, "generation needs a stop token"
        assert args.prosody_encoder_conf["input_normalization"] == "none"
    for config in options.get("ser_configs", "").split():
        path = script.parent / config.partition(":")[0]
        args = EmotionTask.get_parser().parse_args(["--config", str(path)])
        assert args.input_normalization in (None, "none"), config
        model_conf = get_default_kwargs(EmotionModel) | args.model_conf
        assert model_conf["crop_frames"] is None, config


def test_the_papers_experiments_are_among_those_and_ours_are_noticed() -> None:
    names = {name_of(s.parent) for s in SCRIPTS if settings_of(s.read_text()) == "the paper's"}
    assert {"lrs3_msp_omg/p2v1", "esd/evc1", "iemocap/ser1", "emodb/style1"} <= names
    assert not any(name.startswith(("mini_emo", "open_emo")) for name in names)
    evc = [each for each in SCRIPTS if each.parent.name == "evc1"]
    shown = [name_of(each) for each in evc if options_of(each)["published"] == "true"]
    assert shown == ["esd/evc1/run.sh"], "the paper's Table 7 stands beside its own corpus only"
    pretraining, fine_tuning = EGS2 / "mini_emo/p2v1/run.sh", EGS2 / "mini_emo/evc1/run.sh"
    for script in (pretraining, fine_tuning, EGS2 / "mini_emo/style1/run.sh"):
        assert options_of(script)["variance_compensation"] == "true"
    assert float(options_of(pretraining)["kmeans_switch_penalty"]) > 0
    on = training_of(pretraining).model_conf
    on["frozen_batch_norm"] = training_of(fine_tuning).model_conf["frozen_batch_norm"]
    assert [name for name, off in MODEL_OURS.items() if on[name] == off] == []


def test_harder_corpus_has_the_same_settings_under_its_own_names() -> None:
    scripts = EGS2 / "mini_emo/p2v1/run.sh", EGS2 / "mini_emo/p2v1/run_hard.sh"
    plain, hard = map(options_of, scripts)
    names = {"train_set", "valid_set", "test_sets"}
    assert {name for name in plain if plain[name] != hard[name]} == {
        *names,
        "local_data_opts",
        "expdir",
    }
    for name in names:
        assert hard[name] == plain[name].replace("mini_emo", "mini_emo_hard")
    assert hard["local_data_opts"] == "--difficulty hard" and hard["expdir"] != plain["expdir"]


def test_pretraining_overlaps_are_declared_only_where_they_are_explained() -> None:
    """A declared overlap stops no run; directories of pretraining are those of the model."""
    declared = {}
    for script in (each for each in SCRIPTS if each.parent.name == "ser1"):
        options = options_of(script)
        assert options["pretraining_data"] == ""
        if options["allow"]:
            declared[name_of(script)] = sorted(options["allow"].split())
            assert "declare" in (script.parent / "README.md").read_text()
    parts = ("pretraining/test", "pretraining/valid")
    assert declared == {
        "iemocap/ser1/run.sh": [f"{part}:sentence" for part in parts],
        "mini_emo/ser1/run_evaluation_model.sh": [
            f"{part}:{name}" for part in parts for name in ("sentence", "speaker", "utterance")
        ],
    }


# ---------------------------------------------------------------- configurations
CONF = EGS2 / "TEMPLATE/p2v1/conf"
GIVEN = {
    # IV-B: 1024 samples are 64 ms, 256 are 16 ms
    "features_conf": {"sample_rate_hz": 16000, "n_fft": 1024, "hop_length": 256, "mel_dim": 80},
    "specaug_conf": {"apply_freq_mask": True, "num_freq_mask": 2},  # IV-B
    "unit_encoder": "units2vec",  # III-A
    "unit_encoder_conf": {"channels": 512, "kernel_size": 5}  # Table II
    | {"num_convolutions": 3, "lstm_units": 256},  # III-A, Table II
    "speaker_dim": 192,  # III-B
    "prosody_encoder": "ecapa",  # III-B; the width of its vector is the speaker encoder's
    "prosody_encoder_conf": {"channels": 1024, "kernel_size": 3, "dilations": [2, 3, 4]}
    | {"output_dim": 192},
    "decoder": "attention_lstm",  # III-C
    "decoder_conf": {"prenet_dim": 256, "attention_lstm_units": 1408, "attention_dim": 128}
    | {"location_channels": 32, "location_kernel_size": 31, "decoder_lstm_units": 1024}
    | {"reduction_factor": 1},  # Table II, a projection to 80
    "optim": "adam",  # IV-B, as all that follows
    "optim_conf": {"lr": 1.0e-3},
    "scheduler": "warmupcosine",
    "scheduler_conf": {"warmup_steps": 3000},
    "grad_clip": 1.0,
    "batch_size": 30,
}
"""What the paper gives for pretraining, and where."""
GIVEN_FOR_TUNING = {"optim_conf": {"lr": 1.0e-5}, "scheduler": None}  # IV-D
# Its width is given; the key counts in a way that has its own test.
GIVEN_OTHERWISE = {"specaug_conf.freq_mask_width_range"}
# Of the computation, not of what is computed.
TECHNICAL = {"decoder_conf.implementation", "num_att_plot", "num_workers"}
NOT_GIVEN = re.compile(r"not (in|named in the) paper|in the paper without a")


def leaves(config: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Return dotted keys and values of everything that is no mapping itself."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def comments(text: str) -> dict[str, str]:
    """Return the comment of each dotted key, and of the mapping that it stands in."""
    found, parents = {}, [("", "")]
    for depth, key, value, comment in re.findall(r"^( *)(\w+):([^#\n]*)(?:# (.*))?$", text, re.M):
        parents = parents[: len(depth) // 4 + 1]
        name = parents[-1][0] + key
        found[name] = f"{comment} {parents[-1][1]}"
        if not value.strip():
            parents.append((f"{name}.", comment))
    return found


@pytest.mark.parametrize(
    ("path", "given"),
    [
        (path, dict(leaves(given)))
        for task, given in (("p2v1", GIVEN), ("evc1", GIVEN_FOR_TUNING))
        for path in sorted(EGS2.glob(f"TEMPLATE/{task}/conf/tuning/*.yaml"))
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_the_paper_gives_and_what_it_does_not(path: Path, given: dict) -> None:
    text = path.read_text()
    values, said = dict(leaves(yaml.safe_load(text))), comments(text)
    assert {name: values[name] for name in given} == given
    for name in values.keys() - given.keys() - GIVEN_OTHERWISE - TECHNICAL:
        assert NOT_GIVEN.search(said[name]), (
            f"{name} is not in the paper, and its comment is silent"
        )


def test_the_number_of_updates_is_what_its_comment_says() -> None:
    text = (CONF / "train_p2v.yaml").read_text()
    [(epochs, utterances)] = re.findall(r"ours, (\d+) epochs of ([\d,]+) utterances", text)
    table_3 = 151_000 + 62_000 + 8_000 + 7_400
    assert int(utterances.replace(",", "")) == table_3
    config = yaml.safe_load(text)
    found = config["scheduler_conf"]["total_steps"] / (3 * table_3 / 30)
    assert found == pytest.approx(int(epochs), abs=0.5)
    # The wide aggregation is the only difference.
    wide = yaml.safe_load((CONF / "tuning/train_p2v_aggregation3072.yaml").read_text())
    config["prosody_encoder_conf"]["aggregation_channels"] = 3072
    assert wide == config


def test_options_and_spectral_augmentation_say_what_is_not_in_the_paper() -> None:
    ours = "min_wav_duration max_wav_duration kmeans_feature kmeans_portion kmeans_max_frames"
    for script, options in (
        ("p2v1/p2v.sh", f"{ours} kmeans_switch_penalty"),
        ("evc1/evc.sh", "max_wav_duration"),
    ):
        text = (EGS2 / "TEMPLATE" / script).read_text()
        for option in options.split():
            assert re.search(rf"^{option}=.*# .*not in paper", text, flags=re.MULTILINE), option
    for path in EGS2.glob("*/*/conf/*.yaml"):
        for line in path.read_text().splitlines():
            assert not line.startswith("specaug:") or "not in paper" in line, path
