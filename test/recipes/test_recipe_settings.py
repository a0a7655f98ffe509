"""What README says is ours is off in every recipe that claims the paper's settings.

Options are those that a recipe resolves to (``run.sh --print_config``), and configurations
those that its task resolves them to, defaults included: neither is read off a file's text.
"""

import argparse
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from espnet2.utils.get_default_kwargs import get_default_kwargs
from reference.fake_recipe import EGS2

from espnet2_ext.prosody2vec.encoders import ProsodyEncoder
from espnet2_ext.prosody2vec.model import Prosody2VecModel
from espnet2_ext.prosody2vec.task import Prosody2VecTask
from espnet2_ext.ser.model import EmotionModel
from espnet2_ext.ser.task import EmotionTask

SCRIPTS = sorted(EGS2.glob("*/*/run*.sh"))
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


def options_of(script: Path, *arguments: str) -> dict[str, str]:
    """Return the options that a recipe runs with."""
    command = [f"./{script.name}", *arguments, "--print_config"]
    done = subprocess.run(
        command, cwd=script.parent, capture_output=True, text=True, timeout=60, check=True
    )
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


def scripts(who: str, *tasks: str) -> list[Path]:
    """Return the scripts with such settings, of some tasks or of all."""
    return [
        each
        for each in SCRIPTS
        if settings_of(each) == who and (not tasks or each.parent.name in tasks)
    ]


def name_of(script: Path) -> str:
    return str(script.relative_to(EGS2))


def test_options_are_those_of_the_recipe_and_of_the_command_line() -> None:
    script = EGS2 / "lrs3/p2v1/run.sh"
    options = options_of(script)
    assert options["kmeans_portion"] == "0.1"
    assert options["speed_perturb_factors"] == "0.9 1.0 1.1"
    assert options["num_splits"] == "1", "a default of the template"
    assert options_of(script, "--kmeans_portion", "1")["kmeans_portion"] == "1"


def test_the_papers_experiments_are_among_those_with_its_settings() -> None:
    names = {name_of(each.parent) for each in scripts("paper")}
    assert {"lrs3_msp_omg/p2v1", "esd/evc1", "iemocap/ser1", "emodb/style1"} <= names
    assert not any(name.startswith(("mini_emo", "open_emo")) for name in names)


@pytest.mark.parametrize("script", scripts("paper", "p2v1", "evc1", "style1"), ids=name_of)
def test_contrast_is_left_where_settings_are_the_papers(script: Path) -> None:
    assert options_of(script)["restore_contrast"] == "false"


@pytest.mark.parametrize("script", scripts("paper", "p2v1"), ids=name_of)
def test_units_are_priced_as_the_paper_says_nothing_of(script: Path) -> None:
    assert float(options_of(script)["kmeans_switch_penalty"]) == 0


@pytest.mark.parametrize("script", scripts("paper", "p2v1", "evc1"), ids=name_of)
def test_training_has_nothing_of_ours_where_settings_are_the_papers(script: Path) -> None:
    args = training_of(script)
    assert {name: args.model_conf[name] for name in MODEL_OURS} == MODEL_OURS
    assert args.model_conf["stop_weight"] > 0, "generation needs a stop token"
    assert args.prosody_encoder_conf["input_normalization"] == "none"


@pytest.mark.parametrize("script", scripts("paper", "ser1"), ids=name_of)
def test_recognition_has_nothing_of_ours_where_settings_are_the_papers(script: Path) -> None:
    configs = options_of(script)["ser_configs"].split()
    assert configs
    for config in configs:
        path = script.parent / config.partition(":")[0]
        args = EmotionTask.get_parser().parse_args(["--config", str(path)])
        assert args.input_normalization in (None, "none"), config
        model_conf = get_default_kwargs(EmotionModel) | args.model_conf
        assert model_conf["crop_frames"] is None, config


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_whose_the_settings_are_is_said_beside_the_results(script: Path) -> None:
    readme = (script.parent / "README.md").read_text()
    [who] = re.findall(r"^\*\*Settings: (ours|the paper's)\*\*", readme, re.M)
    assert SETTINGS[f"# Settings: {who}"] == settings_of(script)


def test_what_is_ours_is_on_where_settings_are_ours() -> None:
    """So the tests above would notice it."""
    pretraining, fine_tuning = EGS2 / "mini_emo/p2v1/run.sh", EGS2 / "mini_emo/evc1/run.sh"
    for script in (pretraining, fine_tuning, EGS2 / "mini_emo/style1/run.sh"):
        assert options_of(script)["restore_contrast"] == "true"
    assert float(options_of(pretraining)["kmeans_switch_penalty"]) > 0
    on = training_of(pretraining).model_conf | {
        name: training_of(fine_tuning).model_conf[name] for name in ("frozen_batch_norm",)
    }
    assert [name for name, off in MODEL_OURS.items() if on[name] == off] == []


def test_figures_of_the_papers_table_7_stand_beside_results_of_its_corpus_only() -> None:
    evc = [each for each in SCRIPTS if each.parent.name == "evc1"]
    shown = [name_of(each) for each in evc if options_of(each)["published"] == "true"]
    assert shown == ["esd/evc1/run.sh"]


@pytest.mark.parametrize(
    "script", [each for each in SCRIPTS if each.parent.name == "ser1"], ids=name_of
)
def test_pretraining_overlaps_are_declared_only_where_they_are_explained(script: Path) -> None:
    """A declared overlap stops no run: README names every recipe that declares one.

    No recipe names directories of pretraining: ser.sh then takes those that the model's
    files name, see test_shell_ser.py, and where there are none the row says so.
    """
    options = options_of(script)
    declared = set(options["allow"].split())
    expected = {
        "iemocap/ser1/run.sh": {"pretraining/test:sentence", "pretraining/valid:sentence"},
        "mini_emo/ser1/run_judge.sh": {
            f"pretraining/{part}:{name}"
            for part in ("test", "valid")
            for name in ("utterance", "speaker", "sentence")
        },
    }
    assert declared == expected.get(name_of(script), set())
    assert options["pretraining_data"] == ""
    readme = (script.parent / "README.md").read_text()
    assert not declared or "declare" in readme
