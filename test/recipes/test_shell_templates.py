"""What holds for the script of every template, and for the recipes that link to it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, calls, modules, shell, write_recipe
from reference.fake_templates import run_fake, run_ok, write_fake

TEMPLATES = [path for path in EGS2.glob("TEMPLATE/*1/*.sh") if path.name != "setup.sh"]
SCRIPTS = {path.parent.name: path.name for path in TEMPLATES if not path.is_symlink()}
RECIPES = sorted(path.parent for path in EGS2.glob("*/*/run.sh"))
EVERYWHERE = (
    "stage stop_stage skip_stages skip_data_prep skip_eval expdir python db local_data_opts"
)
TRAINED = "skip_train ngpu nj train_set valid_set"
ESPNET_NAMES = {
    "p2v.sh": f"{TRAINED} num_nodes inference_nj p2v_tag p2v_exp p2v_config p2v_args p2v_stats_dir",
    "ser.sh": f"{TRAINED} ser_tag ser_exp ser_args ser_stats_dir",
    "evc.sh": f"{TRAINED} num_nodes inference_nj evc_tag evc_exp evc_config evc_args",
    "voc.sh": f"{TRAINED} num_nodes inference_nj voc_tag voc_exp voc_config voc_args",
    "style.sh": "inference_nj style_tag style_exp",
}
OTHER_LINKS = {"evc1": ["p2v.sh"]}
CONFIGS = {"evc1": ["conf/train_evc.yaml"]}
of_every_template = pytest.mark.parametrize("script", TEMPLATES, ids=lambda path: path.name)


def option_names(source: str) -> set[str]:
    """Return every variable that is assigned before the options are parsed."""
    head = source[: source.index("help_message=")]
    return set(re.findall(r"^([a-z0-9_]+)=", head, flags=re.MULTILINE))


def run(script: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess:
    recipe = write_recipe(root, script.parent.name, [f"{script.parent.name}/{script.name}"])
    return shell(recipe, f"./{script.name}", *arguments)


@of_every_template
def test_help_lists_every_option_variable_and_every_stage(script: Path, tmp_path: Path) -> None:
    source = script.read_text()
    shown = run(script, tmp_path, "--help").stdout
    listed = dict(re.findall(r"^  --(\S+) +(\S.*)$", shown, flags=re.MULTILINE))
    assert option_names(source) == set(listed)
    assert set(f"{EVERYWHERE} {ESPNET_NAMES[script.name]} test_sets".split()) <= set(listed)
    stages = set(re.findall(r"\bbegin (\d+) ", source))
    assert stages == {str(number) for number in range(1, len(stages) + 1)}
    for stage in stages:
        assert re.search(rf"\b{stage} [a-z]", shown), f"stage {stage} is not explained"


@of_every_template
def test_readme_names_every_option_and_stage(script: Path) -> None:
    readme = (script.parent / "README.md").read_text()
    rows = readme[readme.index("| group | options |") :]
    assert set(re.findall(r"`([a-z0-9_]+)`", rows.partition("\n\n")[0])) == option_names(
        script.read_text()
    )
    stages = re.findall(r"\bbegin (\d+) ", script.read_text())
    assert re.findall(r"^\| (\d+) \|", readme, re.M) == stages


@of_every_template
def test_positional_arguments_are_refused(script: Path, tmp_path: Path) -> None:
    result = run(script, tmp_path, "--stage", "2", "word")
    assert result.returncode == 2
    assert "no positional arguments are taken: word" in result.stderr


@of_every_template
def test_command_line_is_logged(script: Path, tmp_path: Path) -> None:
    result = run(script, tmp_path, "--stage", "99", "--local_data_opts", "a b")
    assert re.search(rf" \./{script.name} --stage 99 --local_data_opts a\\ b\n", result.stdout)


FAILING = {
    "p2v1": "format_wav aggregate_stats_dirs launch report_render",
    "evc1": "derive_pairs format_wav launch score_intensity",
    "ser1": "format_wav aggregate_stats_dirs ser_train_folds",
    "style1": "convert_list score_style report_style",
    "voc1": "format_wav launch score_vocoder",
}


@pytest.mark.parametrize(
    ("task", "module"), [(task, each) for task, names in FAILING.items() for each in names.split()]
)
def test_a_failing_stage_ends_the_run_and_is_done_again(
    tmp_path: Path, task: str, module: str
) -> None:
    recipe = write_fake(tmp_path, task)
    (recipe / "fail").write_text(module)
    assert run_fake(recipe).returncode != 0
    assert calls(recipe)[-1].split()[0] == module
    (recipe / "fail").unlink()
    run_ok(recipe)
    assert module in modules(recipe)


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("p2v1", {"fs": "24000"}, "--fs 24000: only 16000"),
        ("p2v1", {"audio_format": "wav"}, "--audio_format wav: only flac"),
        ("p2v1", {"train_set": ""}, "--train_set is needed"),
        ("p2v1", {"p2v_config": "conf/none.yaml"}, "--p2v_config conf/none.yaml: no such file"),
        ("p2v1", {"skip_train": "yes"}, "--skip_train takes true or false"),
        ("p2v1", {"num_splits": "0"}, "--num_splits 0: a number from 1 on"),
        ("p2v1", {"num_splits": "two"}, "--num_splits two: a number from 1 on"),
        ("p2v1", {"num_splits": ""}, "--num_splits : a number from 1 on"),
        ("evc1", {"train_set": ""}, "--train_set is needed"),
        ("evc1", {"p2v_model": ""}, "--p2v_model is needed"),
        ("evc1", {"p2v_model": "none.pth"}, "--p2v_model none.pth: no such weights"),
        ("evc1", {"evc_config": "conf/none.yaml"}, "--evc_config conf/none.yaml: no such file"),
        ("evc1", {"emotion_model": "none"}, "--emotion_model none: not there; train it (ser.sh)"),
        ("evc1", {"with_pretrained": "yes"}, "--with_pretrained takes true or false"),
        ("evc1", {"stage": "3"}, "exp/pretrained_train_evc/p2v_options.sh: missing; run stage 2"),
        ("ser1", {"train_set": ""}, "--train_set is needed: a directory below data/"),
        ("ser1", {"ser_configs": ""}, "--ser_configs is needed: configurations of systems"),
        ("ser1", {"test_sets": "te"}, "--valid_set and --test_sets go together"),
        ("ser1", {"test_sets": "te", "valid_set": "va"}, "give --protocols given:0"),
        ("ser1", {"balanced": "yes"}, "--balanced takes true or false, not 'yes'"),
        ("ser1", {"classes": "5"}, "unknown option --classes"),
        ("style1", {"test_sets": ""}, "--test_sets is needed"),
        ("style1", {"p2v_model": ""}, "--p2v_model is needed"),
        ("style1", {"p2v_model": "none.pth"}, "--p2v_model none.pth: no such weights; pretrain"),
        ("voc1", {"train_set": ""}, "--train_set is needed"),
        ("voc1", {"voc_config": "conf/none.yaml"}, "--voc_config conf/none.yaml: no such file"),
        ("voc1", {"stage": "4"}, "dump/raw/tr/wav.scp: missing; run stages 1 to 3"),
    ],
)
def test_wrong_options_end_the_run_in_one_line(
    tmp_path: Path, task: str, settings: dict[str, str], message: str
) -> None:
    recipe = write_fake(tmp_path, task)
    result = run_fake(recipe, **settings)
    assert result.returncode != 0
    [line] = result.stderr.splitlines()
    assert message in line
    assert calls(recipe) == []


def check_recipe(directory: Path) -> None:
    """Check that a recipe shares its template by links and gives options that there are."""
    task = directory.name
    template = EGS2 / "TEMPLATE" / task / SCRIPTS[task]
    shared = (template.name, *OTHER_LINKS.get(task, ()), "common", "path.sh", "cmd.sh")
    for name in shared:
        assert (directory / name).is_symlink(), f"{directory / name}: not a link"
        assert (directory / name).exists(), f"{directory / name}: leads nowhere"
    assert os.access(directory / "local/data.sh", os.X_OK)
    assert (directory / "conf/slurm.conf").is_file()
    script = (directory / "run.sh").read_text()
    assert len(script.splitlines()) <= 40
    known = option_names(template.read_text())
    for option in re.findall(r"^    --([a-z0-9_]+) ", script, flags=re.MULTILINE):
        assert option in known, f"--{option} is unknown"
    for config in [*re.findall(r"conf/[a-z0-9_]+\.yaml", script), *CONFIGS.get(task, ())]:
        assert (directory / config).is_file(), config
    for config in directory.glob("conf/*.yaml"):
        assert config.is_symlink(), f"{config}: expected a link to a file of conf/tuning"
        assert config.resolve().parent.name == "tuning"


@pytest.mark.parametrize("directory", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_recipes_share_the_template_by_links(directory: Path) -> None:
    check_recipe(directory)


@pytest.mark.parametrize("task", SCRIPTS)
def test_setup_makes_a_recipe(tmp_path: Path, task: str) -> None:
    (tmp_path / "egs2").mkdir()
    (tmp_path / "egs2/TEMPLATE").symlink_to(EGS2 / "TEMPLATE")
    shell(tmp_path, f"egs2/TEMPLATE/{task}/setup.sh", f"egs2/foo/{task}")
    recipe = tmp_path / "egs2/foo" / task
    check_recipe(recipe)
    assert not (recipe / "conf/slurm.conf").is_symlink(), "a user's own"
    shown = shell(recipe, "./run.sh", "--print_config")
    assert shown.returncode == 0 and "foo" in shown.stdout
    (tmp_path / "tools").mkdir()
    for name in ("activate_python.sh", "cpu_settings.sh"):
        (tmp_path / "tools" / name).write_text("true\n")
    assert "db.sh has no folder for FOO" in shell(recipe, "./local/data.sh").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "Usage: "), (["elsewhere/p2v1"], "beside TEMPLATE"), (["egs2/foo/p2v1"], "already")],
)
def test_setup_refuses(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "egs2/foo/p2v1").mkdir(parents=True)
    (tmp_path / "egs2/foo/p2v1/run.sh").touch()
    (tmp_path / "egs2/TEMPLATE").symlink_to(EGS2 / "TEMPLATE")
    done = shell(tmp_path, "egs2/TEMPLATE/p2v1/setup.sh", *arguments)
    assert done.returncode == 1 and message in done.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_results_are_shown_as_espnet_shows_them(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "p2v1", [])
    (recipe / "exp/p2v_a").mkdir(parents=True)
    (recipe / "exp/p2v_a/config.yaml").touch()
    page = "# RESULTS\n\n## Environment\n\n- a\n\n## table\n\n|a|b|\n\n## Definitions\n\nlong\n"
    (recipe / "exp/RESULTS.md").write_text(page)
    done = shell(recipe, "common/show_result.sh", python="fake/python")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "<!-- Generated by common/show_result.sh exp -->\n# RESULTS\n\n## Environment\n\n- a\n\n"
        "## Configurations\n\n- [exp/p2v_a/config.yaml](exp/p2v_a/config.yaml)\n\n"
        "## table\n\n|a|b|\n\n"
    )


def test_db_folders_of_several_corpora_win_over_db_sh(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "p2v1", ["p2v1/p2v.sh"])
    (recipe / "local/data.sh").write_text(
        '#!/bin/sh\n. ./db.sh\necho "${LRS3}+${OMG}+$*" > named\n'
    )
    shutil.copy(EGS2 / "TEMPLATE/p2v1/conf/train_p2v.yaml", recipe / "conf")
    for db, named in (("LRS3=/a OMG=/b", "/a+/b+\n"), ("/c d", "++--db /c d\n")):
        sets = ["--train_set", "tr", "--valid_set", "va", "--python", "fake/python"]
        shell(recipe, "./p2v.sh", "--stop_stage", "1", "--db", db, *sets)
        assert (recipe / "named").read_text() == named
