"""p2v.sh orders its stages, goes on after a kill, and trusts nothing half done.

The interpreter is a stand-in that writes down what it is asked for, so that the order of the
stages is tested without the minutes they take.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

EGS2 = Path(__file__).resolve().parents[2] / "egs2"
SETTINGS = {"train_set": "tr", "valid_set": "va", "test_sets": "te", "python": "fake/python"}
PREPARATION = """data.sh format_wav:tr format_wav:va format_wav:te learn_kmeans:tr
    extract_units:tr extract_units:va extract_units:te extract_speaker_vectors:tr
    extract_speaker_vectors:va extract_speaker_vectors:te filter_length:tr filter_length:va
    combine_data"""
TRAINING = "p2v_train aggregate_stats_dirs launch"
EVALUATION = """p2v_inference:te score_conversion:te report_conversion:te
    evaluate_speaker_vectors probe render_results"""

FAKE_PYTHON = """#!/usr/bin/env bash
# Write down the module and the data set; fail where the file `fail` names the module.
module=${2##*.}
set_name=$(sed -n 's=.*--data_dir [^ ]*/\\([^ /]*\\).*=\\1=p' <<< "$*")
echo "${module}${set_name:+:${set_name}}" >> calls
echo "$*" >> arguments
if [ "$(cat fail 2> /dev/null)" = "${module}" ]; then exit 9; fi
case "${module}" in
    aggregate_stats_dirs) if grep -q 'write_collected_feats true' arguments; then
        mkdir -p exp/p2v_stats_16k/{train,valid}/collect_feats
        tee exp/p2v_stats_16k/{train,valid}/collect_feats/feats.scp <<< "a a.npy" > /dev/null
        fi ;;
    launch) echo weights > exp/p2v_train_tiny_hubert_base_6_100/valid.loss.best.pth ;;
    p2v_inference) out=$(sed 's/.*--output_dir \\([^ ]*\\).*/\\1/' <<< "$*")
        mkdir -p "${out}"
        echo "${conversion:-1}" > "${out}/settings.json" ;;
    score_conversion) echo '{}' > exp/results.jsonl ;;
esac
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a recipe directory as egs2/<corpus>/p2v1 with stand-ins for tools and data."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/activate_python.sh").write_text("true\n")
    (tmp_path / "tools/cpu_settings.sh").symlink_to(EGS2.parent / "tools/cpu_settings.sh")
    directory = tmp_path / "egs2/tiny/p2v1"
    for name in ("conf", "local", "fake", "data/te/pairs/same", "data/te/pairs/.hidden"):
        (directory / name).mkdir(parents=True)
    (directory / "common").symlink_to(EGS2 / "TEMPLATE/common")
    (directory / "p2v.sh").symlink_to(EGS2 / "TEMPLATE/p2v1/p2v.sh")
    for name in ("path.sh", "cmd.sh"):
        (directory / name).symlink_to(EGS2 / "TEMPLATE/common" / name)
    (directory / "data/te/pairs/same/pairs").write_text("p s r v\n")
    (directory / "conf/train_tiny.yaml").write_text("max_epoch: 1\n")
    write_script(directory / "local/data.sh", "#!/bin/sh\necho data.sh >> calls\n")
    write_script(directory / "fake/python", FAKE_PYTHON)
    for name in ("tr", "va", "te"):
        folder = directory / "dump/raw" / name
        folder.mkdir(parents=True)
        lines = [f"{name}-{number} x.wav" for number in range(5)]
        (folder / "wav.scp").write_text("\n".join(lines) + "\n")
    return directory


def write_script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def run(recipe: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    """Run p2v.sh; afterwards ``recipe/calls`` holds what this run called."""
    for name in ("calls", "arguments"):
        (recipe / name).unlink(missing_ok=True)
    options = {**SETTINGS, "p2v_config": "conf/train_tiny.yaml", "ngpu": "0", "nj": "2", **settings}
    command = ["./p2v.sh", *arguments]
    for name, value in options.items():
        command += [f"--{name}", value]
    return subprocess.run(command, cwd=recipe, capture_output=True, text=True, timeout=60)


def calls(recipe: Path) -> list[str]:
    path = recipe / "calls"
    return path.read_text().split() if path.exists() else []


def unique(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def test_all_stages_run_in_order(recipe):
    result = run(recipe)
    assert result.returncode == 0, result.stderr
    assert unique(calls(recipe)) == f"{PREPARATION} {TRAINING} {EVALUATION}".split()
    assert calls(recipe).count("p2v_train") == 2, "statistics are collected in nj jobs"
    assert re.search(r"Stage 8: training in exp/p2v_train_tiny_hubert_base_6_100\n", result.stdout)
    assert re.search(r"Finished in \d+ s\n$", result.stdout)


def test_statistics_are_split_without_loss_or_repetition(recipe):
    assert run(recipe, stage="7", stop_stage="7", nj="3").returncode == 0
    logdir = recipe / "exp/p2v_stats_16k/logdir"
    parts = [(logdir / f"train.{job}.scp").read_text() for job in (1, 2, 3)]
    assert "".join(parts) == (recipe / "dump/raw/tr/wav.scp").read_text()
    assert all(parts)


def test_no_more_statistics_jobs_than_utterances(recipe):
    assert run(recipe, stage="7", stop_stage="7", nj="32").returncode == 0
    assert calls(recipe).count("p2v_train") == 5


def test_a_rerun_repeats_neither_statistics_nor_training_nor_scores(recipe):
    run(recipe)
    result = run(recipe)
    assert result.returncode == 0, result.stderr
    again = unique(calls(recipe))
    assert (
        again
        == f"{PREPARATION} p2v_inference:te evaluate_speaker_vectors probe render_results".split()
    )
    assert result.stdout.count(": complete") == 3


@pytest.mark.parametrize(
    "module", ["format_wav", "aggregate_stats_dirs", "launch", "render_results"]
)
def test_a_failing_stage_ends_the_run_and_is_done_again(recipe, module):
    (recipe / "fail").write_text(module)
    assert run(recipe).returncode != 0
    stopped = calls(recipe)
    assert stopped[-1].startswith(module)
    (recipe / "fail").unlink()
    result = run(recipe)
    assert result.returncode == 0, result.stderr
    assert stopped[-1] in calls(recipe)


def test_interrupted_statistics_are_not_taken_for_an_earlier_complete_set(recipe):
    """First run complete; data change and a kill; data change back: nothing may be trusted."""
    table = recipe / "dump/raw/tr/wav.scp"
    before = table.read_text()
    run(recipe, stage="7", stop_stage="7")
    table.write_text(before + "tr-9 y.wav\n")
    (recipe / "fail").write_text("aggregate_stats_dirs")
    assert run(recipe, stage="7", stop_stage="7").returncode != 0
    (recipe / "fail").unlink()
    table.write_text(before)
    run(recipe, stage="7", stop_stage="7")
    assert "aggregate_stats_dirs" in calls(recipe)


def test_training_is_taken_up_again_with_a_warning_when_the_configuration_changed(recipe):
    run(recipe, stage="7", stop_stage="8")
    (recipe / "conf/train_tiny.yaml").write_text("max_epoch: 2\n")
    result = run(recipe, stage="7", stop_stage="8")
    assert "WARNING: data, configuration or options changed" in result.stdout
    assert "launch" in calls(recipe)
    assert "aggregate_stats_dirs" not in calls(recipe), "statistics do not depend on max_epoch"
    assert "WARNING" not in run(recipe, stage="7", stop_stage="8").stdout


def test_statistics_depend_on_the_features_of_the_configuration(recipe):
    run(recipe, stage="7", stop_stage="7")
    text = "features_conf:\n    n_fft: 512\nmax_epoch: 1\n"
    (recipe / "conf/train_tiny.yaml").write_text(text)
    run(recipe, stage="7", stop_stage="7")
    assert "aggregate_stats_dirs" in calls(recipe)


def test_training_reads_kept_mels_where_asked(recipe):
    run(recipe, stage="7", stop_stage="8")
    arguments = (recipe / "arguments").read_text()
    assert "collect_feats/feats.scp" not in arguments
    assert "--write_collected_feats false" in arguments
    run(recipe, stage="7", stop_stage="7", cached_mels="true")
    assert "aggregate_stats_dirs" in calls(recipe), "statistics were there, their mels not"
    (recipe / "exp/p2v_train_tiny_hubert_base_6_100/.done").unlink()
    run(recipe, stage="7", stop_stage="8", cached_mels="true")
    assert unique(calls(recipe)) == ["launch"]
    arguments = (recipe / "arguments").read_text()
    for part in ("train", "valid"):
        name = f"--{part}_data_path_and_name_and_type"
        assert f"{name} exp/p2v_stats_16k/{part}/collect_feats/feats.scp,feats,npy" in arguments
    assert "speech,sound" not in arguments


def test_kept_mels_do_not_change_what_training_is_made_from(recipe):
    run(recipe, stage="7", stop_stage="8", cached_mels="true")
    result = run(recipe, stage="7", stop_stage="8")
    assert calls(recipe) == []
    assert result.stdout.count(": complete") == 2


def test_other_conversions_are_scored_again(recipe, monkeypatch):
    run(recipe)
    monkeypatch.setenv("conversion", "2")
    run(recipe)
    assert "score_conversion:te" in calls(recipe)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"skip_data_prep": "true", "skip_train": "true"}, EVALUATION),
        ({"skip_eval": "true", "skip_data_prep": "true"}, TRAINING),
        ({"stage": "2", "stop_stage": "4", "skip_stages": "2 3"}, PREPARATION.split()[4:8]),
        ({"stage": "1", "stop_stage": "1"}, "data.sh"),
    ],
)
def test_stages_can_be_chosen(recipe, settings, expected):
    (recipe / "exp/p2v_train_tiny_hubert_base_6_100").mkdir(parents=True)
    assert run(recipe, **settings).returncode == 0
    names = expected.split() if isinstance(expected, str) else expected
    assert unique(calls(recipe)) == names


def test_speeds_make_a_training_set_of_their_own(recipe):
    (recipe / "dump/raw/tr").rename(recipe / "dump/raw/tr_sp")
    result = run(recipe, speed_perturb_factors="0.9 1.0 1.1", stop_stage="7")
    assert result.returncode == 0, result.stderr
    arguments = (recipe / "arguments").read_text()
    assert "--out_dir dump/org/tr_sp --factors 0.9 1.0 1.1 --num_workers 2" in arguments
    assert "extract_units:tr_sp" in calls(recipe)
    assert "learn_kmeans:tr" in calls(recipe), "clusters are learnt at the original speed"
    assert "--train_speaker_dir dump/raw/tr_sp" in arguments


def test_a_speaker_encoder_is_trained_where_asked(recipe):
    run(recipe, speaker_encoder="train", stage="5", stop_stage="5")
    assert calls(recipe)[:2] == ["train_speaker_encoder:tr", "extract_speaker_vectors:tr"]
    assert "--source exp/speaker_encoder" in (recipe / "arguments").read_text()


def test_given_centroids_are_not_learnt(recipe):
    run(recipe, kmeans_centroids="my/centroids.npz", stage="4", stop_stage="4")
    assert calls(recipe)[0] == "extract_units:tr"
    assert "--centroids_path my/centroids.npz" in (recipe / "arguments").read_text()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fs": "24000"}, "--fs 24000: only 16000"),
        ({"audio_format": "wav"}, "--audio_format wav: only flac"),
        ({"train_set": ""}, "--train_set is needed"),
        ({"p2v_config": "conf/none.yaml"}, "--p2v_config conf/none.yaml: no such file"),
        ({"skip_train": "yes"}, "--skip_train takes true or false"),
    ],
)
def test_wrong_options_end_the_run_before_any_stage(recipe, settings, message):
    result = run(recipe, **settings)
    assert result.returncode != 0
    assert message in result.stderr
    assert calls(recipe) == []


def test_positional_arguments_are_refused(recipe):
    result = subprocess.run(
        ["./p2v.sh", "--nj", "2", "word"], cwd=recipe, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    assert "no positional arguments are taken: word" in result.stderr


def test_help_lists_every_option_variable(recipe):
    """Every variable assigned before the options are parsed is an option with a text."""
    source = (recipe / "p2v.sh").read_text()
    head = source[: source.index("help_message=")]
    options = re.findall(r"^([a-z0-9_]+)=", head, flags=re.MULTILINE)
    shown = run(recipe, "--help").stdout
    listed = dict(re.findall(r"^  --(\S+) +(\S.*)$", shown, flags=re.MULTILINE))
    assert set(options) - {"arguments"} == set(listed)
    assert len(options) > 40
    assert {"skip_data_prep", "ngpu", "num_nodes", "p2v_tag", "inference_nj"} <= set(listed)


def test_recipes_share_the_template_by_links():
    recipes = [path.parent for path in EGS2.glob("*/p2v1/run.sh")]
    assert recipes
    for directory in recipes:
        for name in ("p2v.sh", "common", "path.sh", "cmd.sh"):
            assert (directory / name).is_symlink(), f"{directory / name}: not a link"
            assert (directory / name).exists(), f"{directory / name}: leads nowhere"
        assert (directory / "local/data.sh").exists()
        assert len((directory / "run.sh").read_text().splitlines()) <= 40


@pytest.mark.parametrize(
    "script", sorted((EGS2 / "TEMPLATE").glob("*1/*.sh")), ids=lambda p: p.name
)
def test_template_scripts_stay_small(script):
    assert len(script.read_text().splitlines()) < 250


def test_settings_of_the_user_are_left_alone():
    script = ". tools/cpu_settings.sh; echo $GOMP_SPINCOUNT $MALLOC_TRIM_THRESHOLD_"
    environment = {"PATH": os.environ["PATH"], "GOMP_SPINCOUNT": "7"}
    shown = subprocess.run(
        ["bash", "-c", script],
        cwd=EGS2.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == ["7", "2000000000"]
