"""Whose settings a recipe has: what [P2V] gives has its value, what is ours is off or says so.

Options are those that a recipe resolves to (``run.sh --print_config``), and configurations
those that its task resolves them to, defaults included.
"""

import argparse
import re
import shlex
from collections.abc import Iterator
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
SETTINGS = {"# Settings: the paper's": "paper", "# Settings: ours": "ours"}


def settings_of(script: Path) -> str:
    """Return whose settings a recipe says it has: paper or ours."""
    [who] = re.findall(r"^# Settings: (?:the paper's|ours)\b", script.read_text(), re.M)
    return SETTINGS[who]


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


def of_scripts(who: str | None, *tasks: str) -> pytest.MarkDecorator:
    """Return the parametrisation over scripts with such settings, of some tasks or of all."""
    found = [
        each
        for each in SCRIPTS
        if who in (None, settings_of(each)) and (not tasks or each.parent.name in tasks)
    ]
    return pytest.mark.parametrize("script", found, ids=name_of)


def test_options_are_those_of_the_recipe_and_of_the_command_line() -> None:
    script = EGS2 / "lrs3/p2v1/run.sh"
    options = options_of(script)
    assert options["kmeans_portion"] == "0.1"
    assert options["speed_perturb_factors"] == "0.9 1.0 1.1"
    assert options["num_splits"] == "1", "a default of the template"
    assert options_of(script, "--kmeans_portion", "1")["kmeans_portion"] == "1"


def test_the_papers_experiments_are_among_those_with_its_settings() -> None:
    names = {name_of(each.parent) for each in SCRIPTS if settings_of(each) == "paper"}
    assert {"lrs3_msp_omg/p2v1", "esd/evc1", "iemocap/ser1", "emodb/style1"} <= names
    assert not any(name.startswith(("mini_emo", "open_emo")) for name in names)


@of_scripts("paper", "p2v1", "evc1", "style1")
def test_nothing_of_ours_is_on_where_settings_are_the_papers(script: Path) -> None:
    options = options_of(script)
    assert options["variance_compensation"] == "false"
    assert float(options.get("kmeans_switch_penalty", 0)) == 0
    if script.parent.name in TASKS:
        args = training_of(script)
        assert {name: args.model_conf[name] for name in MODEL_OURS} == MODEL_OURS
        assert args.model_conf["stop_weight"] > 0, "generation needs a stop token"
        assert args.prosody_encoder_conf["input_normalization"] == "none"


@of_scripts("paper", "ser1")
def test_recognition_has_nothing_of_ours_where_settings_are_the_papers(script: Path) -> None:
    for config in options_of(script)["ser_configs"].split():
        path = script.parent / config.partition(":")[0]
        args = EmotionTask.get_parser().parse_args(["--config", str(path)])
        assert args.input_normalization in (None, "none"), config
        model_conf = get_default_kwargs(EmotionModel) | args.model_conf
        assert model_conf["crop_frames"] is None, config


@of_scripts(None)
def test_whose_the_settings_are_is_said_beside_the_results(script: Path) -> None:
    readme = (script.parent / "README.md").read_text()
    [who] = re.findall(r"^\*\*Settings: (ours|the paper's)\*\*", readme, re.M)
    assert SETTINGS[f"# Settings: {who}"] == settings_of(script)


def test_what_is_ours_is_on_where_settings_are_ours() -> None:
    """So the tests above would notice it."""
    pretraining, fine_tuning = EGS2 / "mini_emo/p2v1/run.sh", EGS2 / "mini_emo/evc1/run.sh"
    for script in (pretraining, fine_tuning, EGS2 / "mini_emo/style1/run.sh"):
        assert options_of(script)["variance_compensation"] == "true"
    assert float(options_of(pretraining)["kmeans_switch_penalty"]) > 0
    on = training_of(pretraining).model_conf | {
        name: training_of(fine_tuning).model_conf[name] for name in ("frozen_batch_norm",)
    }
    assert [name for name, off in MODEL_OURS.items() if on[name] == off] == []


def test_the_former_name_of_a_script_is_taken_with_a_warning() -> None:
    done = shell(OLD_NAME.parent, OLD_NAME, "--print_config")
    assert "run_judge.sh is now run_evaluation_model.sh" in done.stderr
    assert "\nexpdir=exp/judge\n" in done.stdout


def test_figures_of_the_papers_table_7_stand_beside_results_of_its_corpus_only() -> None:
    evc = [each for each in SCRIPTS if each.parent.name == "evc1"]
    shown = [name_of(each) for each in evc if options_of(each)["published"] == "true"]
    assert shown == ["esd/evc1/run.sh"]


@of_scripts(None, "ser1")
def test_pretraining_overlaps_are_declared_only_where_they_are_explained(script: Path) -> None:
    """A declared overlap stops no run: README names every recipe that declares one.

    No recipe names directories of pretraining: ser.sh then takes those that the model's
    files name, see test_shell_ser.py, and where there are none the row says so.
    """
    options = options_of(script)
    declared = set(options["allow"].split())
    expected = {
        "iemocap/ser1/run.sh": {"pretraining/test:sentence", "pretraining/valid:sentence"},
        "mini_emo/ser1/run_evaluation_model.sh": {
            f"pretraining/{part}:{name}"
            for part in ("test", "valid")
            for name in ("utterance", "speaker", "sentence")
        },
    }
    assert declared == expected.get(name_of(script), set())
    assert options["pretraining_data"] == ""
    assert not declared or "declare" in (script.parent / "README.md").read_text()


# ---------------------------------------------------------------- configurations
CONF = EGS2 / "TEMPLATE/p2v1/conf"
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
"""What the paper gives for pretraining, and where."""
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


GIVEN_FOR_TUNING = {"optim_conf.lr": 1.0e-5, "scheduler": None}  # IV-D
CONFIGURATIONS = [
    (path, given)
    for task, given in (("p2v1", GIVEN), ("evc1", GIVEN_FOR_TUNING))
    for path in sorted(EGS2.glob(f"TEMPLATE/{task}/conf/tuning/*.yaml"))
]


@pytest.mark.parametrize(
    ("path", "given"), CONFIGURATIONS, ids=lambda value: getattr(value, "name", "")
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
    assert yaml.safe_load(text)["scheduler_conf"]["total_steps"] / (3 * table_3 / 30) == (
        pytest.approx(int(epochs), abs=0.5)
    )


def test_the_wide_aggregation_is_the_only_difference() -> None:
    paper = dict(leaves(yaml.safe_load((CONF / "train_p2v.yaml").read_text())))
    path = CONF / "tuning/train_p2v_aggregation3072.yaml"
    wide = dict(leaves(yaml.safe_load(path.read_text())))
    assert wide == paper | {"prosody_encoder_conf.aggregation_channels": 3072}


def test_options_say_what_is_not_in_the_paper() -> None:
    ours = "min_wav_duration max_wav_duration kmeans_feature kmeans_portion kmeans_max_frames"
    for script, options in (
        ("p2v1/p2v.sh", f"{ours} kmeans_switch_penalty"),
        ("evc1/evc.sh", "max_wav_duration"),
    ):
        text = (EGS2 / "TEMPLATE" / script).read_text()
        for option in options.split():
            assert re.search(rf"^{option}=.*# .*not in paper", text, flags=re.MULTILINE), option


@pytest.mark.parametrize("path", sorted(EGS2.glob("*/*/conf/*.yaml")), ids=lambda p: str(p)[-60:])
def test_spectral_augmentation_says_what_is_not_in_the_paper(path: Path) -> None:
    for line in path.read_text().splitlines():
        assert not line.startswith("specaug:") or "not in paper" in line, line
