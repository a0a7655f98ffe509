"""What holds for the script of every template, and for the recipes that link to it."""

import re
import subprocess
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, write_recipe

TEMPLATES = sorted(path for path in EGS2.glob("TEMPLATE/*/*.sh") if path.parent.name != "common")
RECIPES = sorted(path.parent for path in EGS2.glob("*/*/run.sh"))
MIN_OPTIONS = {"p2v.sh": 41, "ser.sh": 26, "evc.sh": 31}
ESPNET_NAMES = {"p2v.sh": {"skip_data_prep", "ngpu", "num_nodes", "p2v_tag", "inference_nj"}}
OTHER_LINKS = {"evc1": ["p2v.sh"]}
CONFIGS = {"evc1": ["conf/train_evc.yaml"]}
of_every_template = pytest.mark.parametrize("script", TEMPLATES, ids=lambda path: path.name)


def option_names(source: str) -> set[str]:
    """Return every variable that is assigned before the options are parsed."""
    head = source[: source.index("help_message=")]
    return set(re.findall(r"^([a-z0-9_]+)=", head, flags=re.MULTILINE)) - {"arguments"}


def run(script: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess:
    recipe = write_recipe(root, script.parent.name, [f"{script.parent.name}/{script.name}"])
    command = [f"./{script.name}", *arguments]
    return subprocess.run(command, cwd=recipe, capture_output=True, text=True, timeout=60)


def test_every_template_is_known() -> None:
    assert set(MIN_OPTIONS) <= {path.name for path in TEMPLATES}


@of_every_template
def test_help_lists_every_option_variable_and_every_stage(script: Path, tmp_path: Path) -> None:
    source = script.read_text()
    shown = run(script, tmp_path, "--help").stdout
    listed = dict(re.findall(r"^  --(\S+) +(\S.*)$", shown, flags=re.MULTILINE))
    assert option_names(source) == set(listed)
    assert len(listed) >= MIN_OPTIONS.get(script.name, 0)
    assert {"stage", "stop_stage", *ESPNET_NAMES.get(script.name, ())} <= set(listed)
    stages = set(re.findall(r"\bbegin (\d+) ", source))
    assert stages == {str(number) for number in range(1, len(stages) + 1)}
    for stage in stages:
        assert re.search(rf"\b{stage} [a-z]", shown), f"stage {stage} is not explained"


@of_every_template
def test_positional_arguments_are_refused(script: Path, tmp_path: Path) -> None:
    result = run(script, tmp_path, "--stage", "2", "word")
    assert result.returncode == 2
    assert "no positional arguments are taken: word" in result.stderr


@of_every_template
def test_template_scripts_stay_small(script: Path) -> None:
    assert len(script.read_text().splitlines()) < 250


@pytest.mark.parametrize("directory", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_recipes_share_the_template_by_links(directory: Path) -> None:
    task = directory.name
    [template] = [path for path in TEMPLATES if path.parent.name == task]
    for name in (template.name, *OTHER_LINKS.get(task, ()), "common", "path.sh", "cmd.sh"):
        assert (directory / name).is_symlink(), f"{directory / name}: not a link"
        assert (directory / name).exists(), f"{directory / name}: leads nowhere"
    assert (directory / "local/data.sh").exists()
    script = (directory / "run.sh").read_text()
    assert len(script.splitlines()) <= 40
    known = option_names(template.read_text())
    for option in re.findall(r"^    --([a-z0-9_]+) ", script, flags=re.MULTILINE):
        assert option in known, f"--{option} is unknown"
    for config in [*re.findall(r"conf/[a-z0-9_]+\.yaml", script), *CONFIGS.get(task, ())]:
        assert (directory / config).is_file(), config
