"""evc.sh orders its stages, leaves to p2v.sh what is as in pretraining, and states its rules.

The interpreter is a stand-in that writes down what it is asked for, as in test_shell_p2v.py.
"""

import re
import subprocess
from pathlib import Path

import pytest

EGS2 = Path(__file__).resolve().parents[2] / "egs2"
RECIPES = sorted(path.parents[1].name for path in EGS2.glob("*/evc1/run.sh"))
SETTINGS = {"train_set": "tr", "valid_set": "va", "test_sets": "te", "python": "fake/python"}
SETTINGS |= {"p2v_model": "pretrained.pth", "evc_config": "conf/train_evc.yaml", "ngpu": "0"}
PREPARATION = """data.sh derive_pairs prepare_fine_tuning format_wav extract_units
    extract_speaker_vectors filter_length combine_data"""
TRAINING = "p2v_train aggregate_stats_dirs launch"
EVALUATION = """p2v_inference score_conversion score_intensity report_conversion
    evaluate_speaker_vectors render_results"""

FAKE_PYTHON = """#!/usr/bin/env bash
# Write down the module and its options; fail where the file `fail` names the module.
module=${2##*.}
echo "${module} ${*:3}" >> calls
if [ "$(cat fail 2> /dev/null)" = "${module}" ]; then exit 9; fi
out=$(sed -n 's/.*--out\\(put\\)*_dir \\([^ ]*\\).*/\\2/p' <<< "$*")
case "${module}" in
    derive_pairs) for rule in same_voice parallel average intensity; do
            mkdir -p "data/te/pairs/${rule}"
            echo "p s r v" > "data/te/pairs/${rule}/pairs"
            echo "rule of ${rule}" > "data/te/pairs/${rule}/rule"
        done ;;
    prepare_fine_tuning)
        mkdir -p "${out}"
        cp conf/train_evc.yaml "${out}/train.yaml"
        printf '%s\\n' kmeans_feature=hub/6 nclusters=7 kmeans_centroids=their/centroids.npz \\
            speaker_encoder=their/encoder "p2v_config=${out}/train.yaml" \\
            "pretrained_model=${out}/model.pth" \\
            "p2v_args='--normalize_conf stats_file=their/stats.npz'" > "${out}/p2v_options.sh" ;;
    p2v_inference)
        mkdir -p "${out}"
        echo "${conversion:-1}" > "${out}/settings.json" ;;
    score_conversion) echo '{}' > exp/results.jsonl ;;
esac
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a recipe directory as egs2/<corpus>/evc1 with stand-ins for tools and data."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/activate_python.sh").write_text("true\n")
    (tmp_path / "tools/cpu_settings.sh").symlink_to(EGS2.parent / "tools/cpu_settings.sh")
    directory = tmp_path / "egs2/tiny/evc1"
    for name in ("conf", "local", "fake"):
        (directory / name).mkdir(parents=True)
    (directory / "common").symlink_to(EGS2 / "TEMPLATE/common")
    (directory / "evc.sh").symlink_to(EGS2 / "TEMPLATE/evc1/evc.sh")
    (directory / "p2v.sh").symlink_to(EGS2 / "TEMPLATE/p2v1/p2v.sh")
    for name in ("path.sh", "cmd.sh"):
        (directory / name).symlink_to(EGS2 / "TEMPLATE/common" / name)
    (directory / "conf/train_evc.yaml").write_text("max_epoch: 1\n")
    (directory / "pretrained.pth").write_text("weights")
    prepare = '#!/bin/sh\necho "data.sh $*" >> calls\n'
    for path, text in (("local/data.sh", prepare), ("fake/python", FAKE_PYTHON)):
        (directory / path).write_text(text)
        (directory / path).chmod(0o755)
    for name in ("tr", "va", "te"):
        folder = directory / "dump/raw" / name
        folder.mkdir(parents=True)
        (folder / "wav.scp").write_text("".join(f"{name}-{n} x.wav\n" for n in range(3)))
    return directory


def run(recipe: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    """Run evc.sh; afterwards ``recipe/calls`` holds what this run called."""
    (recipe / "calls").unlink(missing_ok=True)
    command = ["./evc.sh", *arguments]
    for name, value in {**SETTINGS, "nj": "2", **settings}.items():
        command += [f"--{name}", value]
    return subprocess.run(command, cwd=recipe, capture_output=True, text=True, timeout=60)


def calls(recipe: Path) -> list[str]:
    path = recipe / "calls"
    return path.read_text().splitlines() if path.exists() else []


def modules(recipe: Path) -> list[str]:
    """Return what was called, each once."""
    return list(dict.fromkeys(line.split()[0] for line in calls(recipe)))


def options_of(recipe: Path, module: str) -> list[str]:
    """Return the options of each call of a module, as one string."""
    return [line.partition(" ")[2] for line in calls(recipe) if line.split()[0] == module]


def value_of(options: str, name: str) -> str:
    """Return the value of an option, up to the next one."""
    return options.split(f"--{name} ")[1].split(" --")[0]


def test_all_stages_run_in_order(recipe):
    result = run(recipe)
    assert result.returncode == 0, result.stderr
    assert modules(recipe) == f"{PREPARATION} {TRAINING} {EVALUATION}".split()
    shown = re.findall(r"\(evc\.sh:.*Stage (\d): ", result.stdout)
    assert shown == list("12345678")
    assert result.stdout.splitlines()[-1].split()[-3:-1] == ["in", result.stdout.split()[-2]]


def test_units_voices_and_statistics_are_the_pretrained_models(recipe):
    run(recipe, stop_stage="4", evc_args="--max_epoch 3")
    units = options_of(recipe, "extract_units")
    assert len(units) == 3 and all("--centroids_path their/centroids.npz" in u for u in units)
    assert "learn_kmeans" not in modules(recipe)
    assert "train_speaker_encoder" not in modules(recipe)
    for options in options_of(recipe, "extract_speaker_vectors"):
        assert "--source their/encoder" in options
    [training] = options_of(recipe, "launch")
    assert "--output_dir exp/evc_train_evc_max_epoch3" in training
    assert "--init_param exp/pretrained_train_evc_max_epoch3/model.pth" in training
    assert "dump/raw/tr/units_hub_6_7,units,text_int" in training
    # Of an option given twice ESPnet takes the last.
    given = re.findall(r"stats_file=(\S+)", training)
    assert given[-1] == "their/stats.npz"
    assert training.index("stats_file=their") < training.index("--max_epoch 3")


def test_every_rule_is_converted_and_scored_under_its_name(recipe):
    run(recipe, test_sets="te", emotion_model="fake", corpus_note="synthetic speech")
    conversions = options_of(recipe, "p2v_inference")
    lists = [value_of(each, "pairs_dir").rsplit("/", 1)[1] for each in conversions]
    assert lists == ["same_voice", "parallel", "average", "intensity", "same_voice"]
    models = [value_of(each, "model_file") for each in conversions]
    assert models[:4] == ["exp/evc_train_evc/valid.loss.best.pth"] * 4
    assert models[4] == "exp/pretrained_train_evc/model.pth"
    scores = options_of(recipe, "score_conversion")
    rows = [value_of(each, "row_name") for each in scores]
    assert rows == [
        "converted, same_voice",
        "converted, parallel",
        "converted, average",
        "converted, same_voice, not fine-tuned",
    ]
    # Rows that depend on no rule stand there once.
    assert ["--without_reference_rows" in each for each in scores] == [False, True, True, True]
    assert "rule of average" in value_of(scores[2], "protocol")
    for each in scores:
        assert value_of(each, "emotion_model") == "fake"
        assert value_of(each, "speaker_encoder") == "their/encoder"
        assert value_of(each, "table") == "train_evc (synthetic speech), te"
    [scale] = options_of(recipe, "score_intensity")
    assert "rule of intensity" in value_of(scale, "protocol")


def test_pairs_are_derived_as_asked(recipe):
    settings = {"num_references": "3", "intensities": "0 2", "intensity_pairs": "4"}
    run(recipe, stop_stage="1", pairs_seed="9", db="/corpus", local_data_opts="--x y", **settings)
    assert options_of(recipe, "data.sh") == ["--db /corpus --x y"]
    assert options_of(recipe, "derive_pairs") == [
        "--data_dir data/te --pairs_dir data/te/pairs/same_voice --num_references 3"
        " --intensities 0 2 --pairs_per_condition 4 --seed 9"
    ]


def test_one_rule_and_no_pretrained_model(recipe):
    run(recipe, pair_rules="average", with_pretrained="false")
    scores = options_of(recipe, "score_conversion")
    assert [value_of(each, "row_name") for each in scores] == ["converted, average"]
    assert "--emotion_model" not in scores[0]
    assert len(options_of(recipe, "p2v_inference")) == 2


def test_a_rerun_repeats_neither_training_nor_scores(recipe, monkeypatch):
    run(recipe)
    result = run(recipe)
    assert result.returncode == 0, result.stderr
    assert not {"p2v_train", "launch", "score_conversion"} & set(modules(recipe))
    monkeypatch.setenv("conversion", "2")
    run(recipe)
    assert len(options_of(recipe, "score_conversion")) == 4, "other conversions are scored again"


@pytest.mark.parametrize("module", ["derive_pairs", "format_wav", "launch", "score_intensity"])
def test_a_failing_stage_ends_the_run_and_is_done_again(recipe, module):
    (recipe / "fail").write_text(module)
    assert run(recipe).returncode != 0
    assert modules(recipe)[-1] == module
    (recipe / "fail").unlink()
    assert run(recipe).returncode == 0
    assert module in modules(recipe)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train_set": ""}, "--train_set is needed"),
        ({"p2v_model": ""}, "--p2v_model is needed"),
        ({"p2v_model": "none.pth"}, "--p2v_model none.pth: no such weights; pretrain first"),
        ({"evc_config": "conf/none.yaml"}, "--evc_config conf/none.yaml: no such file"),
        ({"emotion_model": "none"}, "--emotion_model none: not there; train it (ser.sh)"),
        ({"with_pretrained": "yes"}, "--with_pretrained takes true or false"),
        ({"stage": "3"}, "exp/pretrained_train_evc/p2v_options.sh: missing; run stage 2"),
    ],
)
def test_wrong_options_end_the_run_in_one_line(recipe, settings, message):
    result = run(recipe, **settings)
    assert result.returncode != 0
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert calls(recipe) == []


def test_positional_arguments_are_refused(recipe):
    result = subprocess.run(
        ["./evc.sh", "--nj", "2", "word"], cwd=recipe, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    assert "no positional arguments are taken: word" in result.stderr


def test_help_lists_every_option_variable(recipe):
    """Every variable assigned before the options are parsed is an option with a text."""
    source = (recipe / "evc.sh").read_text()
    head = source[: source.index("help_message=")]
    options = re.findall(r"^([a-z0-9_]+)=", head, flags=re.MULTILINE)
    shown = run(recipe, "--help").stdout
    listed = dict(re.findall(r"^  --(\S+) +(\S.*)$", shown, flags=re.MULTILINE))
    assert set(options) - {"arguments"} == set(listed)
    assert len(options) > 30
    for stage in range(1, 9):
        assert re.search(rf"\b{stage} [a-z]", shown), f"stage {stage} is not explained"


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_share_the_template_by_links(name):
    directory = EGS2 / name / "evc1"
    for link in ("evc.sh", "p2v.sh", "common", "path.sh", "cmd.sh"):
        assert (directory / link).is_symlink(), f"{directory / link}: not a link"
        assert (directory / link).exists(), f"{directory / link}: leads nowhere"
    assert (directory / "local/data.sh").exists()
    assert (directory / "conf/train_evc.yaml").is_file()
    script = (directory / "run.sh").read_text()
    assert len(script.splitlines()) <= 40
    template = (EGS2 / "TEMPLATE/evc1/evc.sh").read_text()
    for option in re.findall(r"^    --([a-z0-9_]+) ", script, flags=re.MULTILINE):
        assert re.search(rf"^{option}=", template, flags=re.MULTILINE), f"--{option} is unknown"
