"""style.sh orders its stages, hands the model's options on, and does nothing twice.

The interpreter is a stand-in that writes down what it is asked for, as in test_shell_p2v.py.
"""

import re
import subprocess
from pathlib import Path

import pytest

EGS2 = Path(__file__).resolve().parents[2] / "egs2"
RECIPES = sorted(path.parents[1].name for path in EGS2.glob("*/style1/run.sh"))
SETTINGS = {"test_sets": "ta tb", "p2v_model": "exp/p2v_x/best.pth", "python": "fake/python"}

FAKE_PYTHON = """#!/usr/bin/env bash
# Write down the module and its options; fail where the file `fail` names the module.
module=${2##*.}
case "${module}" in score | report) module+=_$3; set -- "${@:1:2}" "${@:4}" ;; esac
echo "${module} ${*:3}" >> calls
if [ "$(cat fail 2> /dev/null)" = "${module}" ]; then exit 9; fi
out=$(sed -n 's/.*--out_dir \\([^ ]*\\).*/\\1/p' <<< "$*")
case "${module}" in
    convert_list) mkdir -p "${out}"; echo "${conversion:-1}" > "${out}/conversions.tsv" ;;
    score_style) echo '{}' > exp/results.jsonl ;;
esac
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a recipe directory as egs2/<corpus>/style1 with stand-ins for tools and data."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/activate_python.sh").write_text("true\n")
    (tmp_path / "tools/cpu_settings.sh").symlink_to(EGS2.parent / "tools/cpu_settings.sh")
    directory = tmp_path / "egs2/tiny/style1"
    for name in ("local", "fake", "exp/p2v_x", "data/ta", "data/tb"):
        (directory / name).mkdir(parents=True)
    (directory / "common").symlink_to(EGS2 / "TEMPLATE/common")
    (directory / "style.sh").symlink_to(EGS2 / "TEMPLATE/style1/style.sh")
    for name in ("path.sh", "cmd.sh"):
        (directory / name).symlink_to(EGS2 / "TEMPLATE/common" / name)
    (directory / "exp/p2v_x/best.pth").write_text("weights")
    for name in ("ta", "tb"):
        (directory / f"data/{name}/list.tsv").write_text(name)
    prepare = '#!/bin/sh\necho "data.sh $*" >> calls\n'
    for path, text in (("local/data.sh", prepare), ("fake/python", FAKE_PYTHON)):
        (directory / path).write_text(text)
        (directory / path).chmod(0o755)
    return directory


def run(recipe: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    """Run style.sh; afterwards ``recipe/calls`` holds what this run called."""
    (recipe / "calls").unlink(missing_ok=True)
    command = ["./style.sh", *arguments]
    for name, value in {**SETTINGS, "inference_nj": "2", **settings}.items():
        command += [f"--{name}", value]
    return subprocess.run(command, cwd=recipe, capture_output=True, text=True, timeout=60)


def calls(recipe: Path) -> list[str]:
    path = recipe / "calls"
    return path.read_text().splitlines() if path.exists() else []


def options_of(recipe: Path, module: str) -> list[str]:
    """Return the options of each call of a module, as one string."""
    return [line.partition(" ")[2] for line in calls(recipe) if line.split()[0] == module]


def value_of(options: str, name: str) -> str:
    """Return the value of an option, up to the next one."""
    return options.split(f"--{name} ")[1].split(" --")[0]


def test_all_stages_run_in_order(recipe):
    result = run(recipe, db="/corpus", local_data_opts="--x y", corpus_note="synthetic speech")
    assert result.returncode == 0, result.stderr
    twice = [each for each in ("convert_list", "score_style", "report_style") for _ in range(2)]
    assert [line.split()[0] for line in calls(recipe)] == ["data.sh", *twice, "report_render"]
    assert options_of(recipe, "data.sh") == ["--db /corpus --x y"]
    assert re.findall(r"\(style\.sh:.*Stage (\d): ", result.stdout) == list("1234")
    for module in ("convert_list", "score_style", "report_style"):
        lists = [value_of(each, "list") for each in options_of(recipe, module)]
        assert lists == ["data/ta/list.tsv", "data/tb/list.tsv"]
    [conversions, _] = options_of(recipe, "convert_list")
    assert value_of(conversions, "out_dir") == "exp/style_p2v_x/griffin_lim/ta"
    [scores, _] = options_of(recipe, "score_style")
    assert value_of(scores, "table") == "Style transfer: p2v_x (synthetic speech), ta"
    assert value_of(scores, "protocol") == (
        "data/ta/list.tsv, model p2v_x/best.pth, contrast restored: false"
    )
    assert value_of(scores, "f0_method") == "dio"


def test_options_of_the_model_go_to_conversion_and_scores(recipe):
    given = {"p2v_config": "c.yaml", "centroids": "k.npz", "speaker_encoder": "hub/e"}
    run(recipe, vocoder="some/hifigan", style_tag="mine", gpu_inference="true", **given)
    for module in ("convert_list", "score_style"):
        for options in options_of(recipe, module):
            assert value_of(options, "train_config") == "c.yaml"
            assert value_of(options, "centroids") == "k.npz"
            assert value_of(options, "speaker_encoder") == "hub/e"
            assert value_of(options, "vocoder") == "some/hifigan"
            assert value_of(options, "device") == "cuda"
            assert value_of(options, "out_dir").startswith("exp/style_mine/hifigan/")


@pytest.mark.parametrize("restored", ["true", "false"])
def test_contrast_is_restored_as_asked_and_the_table_says_so(recipe, restored):
    run(recipe, restore_contrast=restored)
    for conversion in options_of(recipe, "convert_list"):
        assert value_of(conversion, "restore_contrast") == restored
    for scores in options_of(recipe, "score_style"):
        assert f"contrast restored: {restored}" in value_of(scores, "protocol")


def test_a_rerun_scores_nothing_again_unless_conversions_changed(recipe, monkeypatch):
    run(recipe)
    assert run(recipe).returncode == 0
    assert options_of(recipe, "score_style") == []
    monkeypatch.setenv("conversion", "2")
    run(recipe)
    assert len(options_of(recipe, "score_style")) == 2
    (recipe / "exp/results.jsonl").unlink()
    run(recipe)
    assert len(options_of(recipe, "score_style")) >= 1


@pytest.mark.parametrize("module", ["convert_list", "score_style", "report_style"])
def test_a_failing_stage_ends_the_run_and_is_done_again(recipe, module):
    (recipe / "fail").write_text(module)
    assert run(recipe).returncode != 0
    assert calls(recipe)[-1].split()[0] == module
    (recipe / "fail").unlink()
    assert run(recipe).returncode == 0
    assert options_of(recipe, module)


def test_a_list_written_by_hand_needs_no_data_script(recipe):
    (recipe / "local/data.sh").unlink()
    assert run(recipe, stage="2").returncode == 0
    assert len(options_of(recipe, "convert_list")) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test_sets": ""}, "--test_sets is needed"),
        ({"p2v_model": ""}, "--p2v_model is needed"),
        ({"p2v_model": "none.pth"}, "--p2v_model none.pth: no such weights; pretrain first"),
        ({"gpu_inference": "yes"}, "--gpu_inference takes true or false"),
    ],
)
def test_wrong_options_end_the_run_in_one_line(recipe, settings, message):
    result = run(recipe, **settings)
    assert result.returncode != 0
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert calls(recipe) == []


def test_data_can_be_made_before_there_is_a_model(recipe):
    assert run(recipe, stop_stage="1", p2v_model="none.pth").returncode == 0
    assert [line.split()[0] for line in calls(recipe)] == ["data.sh"]


def test_positional_arguments_are_refused(recipe):
    result = subprocess.run(
        ["./style.sh", "word"], cwd=recipe, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    assert "no positional arguments are taken: word" in result.stderr


def test_help_lists_every_option_variable(recipe):
    """Every variable assigned before the options are parsed is an option with a text."""
    source = (recipe / "style.sh").read_text()
    head = source[: source.index("help_message=")]
    options = re.findall(r"^([a-z0-9_]+)=", head, flags=re.MULTILINE)
    shown = run(recipe, "--help").stdout
    listed = dict(re.findall(r"^  --(\S+) +(\S.*)$", shown, flags=re.MULTILINE))
    assert set(options) - {"arguments"} == set(listed)
    assert len(options) > 15
    assert "name condition source prosody speaker text" in shown
    for stage in range(1, 5):
        assert re.search(rf"\b{stage} [a-z]", shown), f"stage {stage} is not explained"


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_share_the_template_by_links(name):
    directory = EGS2 / name / "style1"
    for link in ("style.sh", "common", "path.sh", "cmd.sh"):
        assert (directory / link).is_symlink(), f"{directory / link}: not a link"
        assert (directory / link).exists(), f"{directory / link}: leads nowhere"
    assert (directory / "local/data.sh").exists()
    script = (directory / "run.sh").read_text()
    assert len(script.splitlines()) <= 40
    template = (EGS2 / "TEMPLATE/style1/style.sh").read_text()
    for option in re.findall(r"^    --([a-z0-9_]+) ", script, flags=re.MULTILINE):
        assert re.search(rf"^{option}=", template, flags=re.MULTILINE), f"--{option} is unknown"
