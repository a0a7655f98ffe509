"""What holds for the script of every template, and for the recipes that link to it."""

import importlib
import os
import re
import shlex
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, TEMPLATES, modules, options_of, run, shell, write_recipe

from espnet2_ext.bin.entry import Command

SCRIPTS = {task: EGS2 / "TEMPLATE" / each.scripts.split()[0] for task, each in TEMPLATES.items()}
RECIPES = sorted(path.parent for path in EGS2.glob("*/*/run.sh"))
EVERYWHERE = "stage stop_stage skip_stages skip_data_prep skip_eval expdir python db test_sets"
TRAINED = "skip_train ngpu nj train_set valid_set"
of_each = pytest.mark.parametrize("task", TEMPLATES)


def option_names(task: str) -> set[str]:
    """Return every variable that a template assigns before the options are parsed."""
    head = SCRIPTS[task].read_text().partition("help_message=")[0]
    return set(re.findall(r"^([a-z0-9_]+)=", head, flags=re.MULTILINE))


def stages_of(task: str) -> list[str]:
    return re.findall(r"\bbegin (\d+) ", SCRIPTS[task].read_text())


@of_each
def test_help_and_readme_have_every_option_and_stage(tmp_path: Path, task: str) -> None:
    recipe, stages = write_recipe(tmp_path, task), stages_of(task)
    shown = run(recipe, "--help").stdout
    listed = set(re.findall(r"^  --(\S+) +\S", shown, flags=re.MULTILINE))
    assert option_names(task) == listed
    name = SCRIPTS[task].stem
    espnet = f"{EVERYWHERE} local_data_opts {name}_tag {name}_exp"
    if task != "style1":
        espnet += f" {TRAINED} {name}_args"
    if task not in ("style1", "ser1"):
        espnet += f" num_nodes inference_nj {name}_config"
    assert set(espnet.split()) <= listed
    assert stages == [str(number) for number in range(1, len(stages) + 1)]
    for stage in stages:
        assert re.search(rf"\b{stage} [a-z]", shown), f"stage {stage} is not explained"
    readme = (SCRIPTS[task].parent / "README.md").read_text()
    rows = readme[readme.index("| group | options |") :].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z0-9_]+)`", rows)) == listed
    assert re.findall(r"^\| (\d+) \|", readme, re.M) == stages
    refused = run(recipe, "--stage", "2", "word", fails=True)
    assert refused.returncode == 2
    assert "no positional arguments are taken: word" in refused.stderr


ORDER = {
    "p2v1": """data.sh format_wav learn_kmeans extract_units extract_speaker_vectors filter_length
        combine_data p2v_train aggregate_stats_dirs launch p2v_inference score_conversion
        report_conversion score_speaker_vectors probe report_render""",
    "evc1": """data.sh derive_pairs prepare_fine_tuning format_wav extract_units
        extract_speaker_vectors filter_length combine_data p2v_train aggregate_stats_dirs launch
        p2v_inference score_conversion score_intensity report_conversion score_speaker_vectors
        report_render robustness""",
    "ser1": """data.sh format_wav ser_folds export_prosody_encoder cache_upstream_vectors ser_train
        aggregate_stats_dirs ser_train_folds ser_score report_render""",
    "style1": "data.sh convert_list score_style report_style report_render",
    "voc1": "data.sh format_wav filter_length launch score_vocoder report_render",
}
ASKED_FOR = {"evc1": {"with_robustness": "true"}, "ser1": {"upstream": "x", "p2v_model": "x"}}
KEPT = {
    "p2v1": "p2v_train aggregate_stats_dirs launch score_conversion",
    "evc1": "p2v_train aggregate_stats_dirs launch score_conversion",
    "ser1": "ser_train aggregate_stats_dirs",
    "style1": "score_style",
    "voc1": "launch score_vocoder",
}
"""What a rerun does not do again; the last is scored again for other conversions or weights."""


@of_each
def test_stages_run_in_order_and_a_rerun_repeats_neither_training_nor_scores(
    tmp_path: Path, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, settings = write_recipe(tmp_path, task), ASKED_FOR.get(task, {})
    result = run(recipe, **settings, local_data_opts="--x a")
    assert options_of(recipe, "data.sh") == ["--x a"]
    assert modules(recipe) == ORDER[task].split()
    stages = re.findall(rf"\({SCRIPTS[task].name}:.*Stage (\d+): ", result.stdout)
    assert stages == [number for number in stages_of(task) if (task, number) != ("p2v1", "3")]
    assert re.search(rf" \./{SCRIPTS[task].name} .*--local_data_opts --x\\ a\n", result.stdout)
    assert re.search(r"Finished in \d+ s\n$", result.stdout)
    for line in (recipe / "quoted").read_text().splitlines():
        _, module, *words = shlex.split(line)
        if module.startswith("espnet2_ext.bin."):
            command = importlib.import_module(module).main
            if isinstance(command, Command):  # else a task or a trainer, which recipes run for real
                command.parse_args(words)

    *kept, scores = KEPT[task].split()
    scored = len(options_of(recipe, scores))
    run(recipe, **settings)
    assert not {*kept, scores} & set(modules(recipe))
    monkeypatch.setenv("conversion", "2")
    for config in recipe.glob("conf/*voc*.yaml"):
        config.write_text("max_epoch: 2\n")  # for other weights of the vocoder, which are scored
    again = run(recipe, **settings)
    assert len(options_of(recipe, scores)) == (scored if task != "ser1" else 0)
    assert ("WARNING: data, configuration or options" in again.stdout) == (task == "voc1")


FAILING = {
    "p2v1": "format_wav aggregate_stats_dirs launch report_render",
    "evc1": "derive_pairs launch score_intensity",
    "ser1": "format_wav aggregate_stats_dirs ser_train_folds",
    "style1": "convert_list score_style",
    "voc1": "launch score_vocoder",
}


@of_each
def test_a_failing_stage_ends_the_run_and_is_done_again(tmp_path: Path, task: str) -> None:
    recipe = write_recipe(tmp_path, task)
    for module in FAILING[task].split():
        (recipe / "fail").write_text(module)
        run(recipe, fails=True)
        assert modules(recipe)[-1] == module
    (recipe / "fail").unlink()
    run(recipe)
    assert module in modules(recipe)


TRAINING = sorted(TEMPLATES.keys() - {"style1"})


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("p2v1", {"fs": "24000"}, "--fs 24000: only 16000"),
        ("p2v1", {"audio_format": "wav"}, "--audio_format wav: only flac"),
        ("p2v1", {"p2v_config": "conf/none.yaml"}, "--p2v_config conf/none.yaml: no such file"),
        ("p2v1", {"num_splits": "0"}, "--num_splits 0: a number from 1 on"),
        ("p2v1", {"num_splits": ""}, "--num_splits : a number from 1 on"),
        ("evc1", {"p2v_model": "none.pth"}, "--p2v_model none.pth: no such weights"),
        ("evc1", {"evc_config": "conf/none.yaml"}, "--evc_config conf/none.yaml: no such file"),
        ("evc1", {"emotion_model": "none"}, "--emotion_model none: not there; train it (ser.sh)"),
        ("evc1", {"stage": "3"}, "exp/pretrained_train_evc/p2v_options.sh: missing; run stage 2"),
        ("ser1", {"ser_configs": ""}, "--ser_configs is needed: configurations of systems"),
        ("ser1", {"test_sets": "te"}, "--valid_set and --test_sets go together"),
        ("ser1", {"test_sets": "te", "valid_set": "va"}, "give --protocols given:0"),
        ("style1", {"test_sets": ""}, "--test_sets is needed"),
        ("style1", {"p2v_model": "none.pth"}, "--p2v_model none.pth: no such weights; pretrain"),
        ("voc1", {"voc_config": "conf/none.yaml"}, "--voc_config conf/none.yaml: no such file"),
        ("voc1", {"stage": "4"}, "dump/raw/tr/wav.scp: missing; run stages 1 to 3"),
        *((task, {"p2v_model": ""}, "--p2v_model is needed") for task in ("evc1", "style1")),
        *((task, {"train_set": ""}, "--train_set is needed") for task in TRAINING),
    ],
)
def test_wrong_options_end_the_run_in_one_line(
    tmp_path: Path, task: str, settings: dict[str, str], message: str
) -> None:
    recipe = write_recipe(tmp_path, task)
    result = run(recipe, fails=True, **settings)
    [line] = result.stderr.splitlines()
    assert message in line
    assert modules(recipe) == []


def check_recipe(directory: Path) -> None:
    """Check that a recipe shares its template by links and gives options that there are."""
    task = directory.name
    scripts = [Path(script).name for script in TEMPLATES[task].scripts.split()]
    for name in (*scripts, "common", "path.sh", "cmd.sh"):
        assert (directory / name).is_symlink(), f"{directory / name}: not a link"
        assert (directory / name).exists(), f"{directory / name}: leads nowhere"
    assert os.access(directory / "local/data.sh", os.X_OK)
    assert (directory / "conf/slurm.conf").is_file()
    script = (directory / "run.sh").read_text()
    assert len(script.splitlines()) <= 40
    options = re.findall(r"^    --([a-z0-9_]+) ", script, flags=re.MULTILINE)
    assert set(options) <= option_names(task)
    configs = re.findall(r"conf/[a-z0-9_]+\.yaml", script)
    for config in [*configs, *(["conf/train_evc.yaml"] if task == "evc1" else [])]:
        assert (directory / config).is_file(), config
    for config in directory.glob("conf/*.yaml"):
        assert config.is_symlink(), f"{config}: expected a link to a file of conf/tuning"
        assert config.resolve().parent.name == "tuning"


@pytest.mark.parametrize("directory", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_recipes_share_the_template_by_links(directory: Path) -> None:
    check_recipe(directory)


@of_each
def test_setup_makes_a_recipe_and_replaces_none(tmp_path: Path, task: str) -> None:
    (tmp_path / "egs2").mkdir()
    (tmp_path / "egs2/TEMPLATE").symlink_to(EGS2 / "TEMPLATE")
    setup, recipe = f"egs2/TEMPLATE/{task}/setup.sh", tmp_path / "egs2/foo" / task
    for arguments, message in (
        ([], "Usage: "),
        ([f"elsewhere/{task}"], "beside TEMPLATE"),
        ([recipe], ""),
        ([recipe], "there is a recipe already"),
    ):
        done = shell(tmp_path, setup, *arguments)
        assert (done.returncode != 0) == bool(message) and message in done.stderr
    assert not (tmp_path / "elsewhere").exists()
    check_recipe(recipe)
    assert not (recipe / "conf/slurm.conf").is_symlink(), "a user's own"
    shown = shell(recipe, "./run.sh", "--print_config")
    assert shown.returncode == 0 and "foo" in shown.stdout
    (tmp_path / "tools").mkdir()
    for name in ("activate_python.sh", "cpu_settings.sh"):
        (tmp_path / "tools" / name).write_text("true\n")
    assert "db.sh has no folder for FOO" in shell(recipe, "./local/data.sh").stderr


def test_results_are_shown_as_espnet_shows_them(tmp_path: Path) -> None:
    page = "# RESULTS\n\n## Environment\n\n- a\n\n## table\n\n|a|b|\n\n## Definitions\n\nlong\n"
    files = {"exp/p2v_a/config.yaml": "", "exp/RESULTS.md": page}
    recipe = write_recipe(tmp_path, "p2v1", files)
    done = shell(recipe, "common/show_result.sh", python="fake/python")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "<!-- Generated by common/show_result.sh exp -->\n# RESULTS\n\n## Environment\n\n- a\n\n"
        "## Configurations\n\n- [exp/p2v_a/config.yaml](exp/p2v_a/config.yaml)\n\n"
        "## table\n\n|a|b|\n\n"
    )


def test_db_folders_of_several_corpora_win_over_db_sh(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "p2v1")
    script = '#!/bin/sh\n. ./db.sh\necho "${LRS3}+${OMG}+$*" > named\n'
    (recipe / "local/data.sh").write_text(script)
    for db, named in (("LRS3=/a OMG=/b", "/a+/b+\n"), ("/c d", "++--db /c d\n")):
        run(recipe, db=db, stop_stage="1")
        assert (recipe / "named").read_text() == named
