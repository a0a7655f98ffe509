"""p2v.sh orders its stages, goes on after a kill, and trusts nothing half done.

The interpreter is a stand-in, see ``reference.fake_recipe``.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from reference import fake_recipe
from reference.fake_recipe import EGS2, run_script, write_recipe

SETTINGS = {"train_set": "tr", "valid_set": "va", "test_sets": "te", "python": "fake/python"}
SETTINGS |= {"p2v_config": "conf/train_tiny.yaml", "ngpu": "0", "nj": "2"}
PREPARATION = """data.sh format_wav:tr format_wav:va format_wav:te learn_kmeans:tr
    extract_units:tr extract_units:va extract_units:te extract_speaker_vectors:tr
    extract_speaker_vectors:va extract_speaker_vectors:te filter_length:tr filter_length:va
    combine_data"""
TRAINING = "p2v_train aggregate_stats_dirs launch"
EVALUATION = """p2v_inference:te score_conversion:te report_conversion:te
    score_speaker_vectors probe report_render"""

BEHAVIOUR = """
case "${module}" in
    aggregate_stats_dirs) if grep -q 'write_collected_feats true' calls; then
        mkdir -p exp/p2v_stats_16k/{train,valid}/collect_feats
        tee exp/p2v_stats_16k/{train,valid}/collect_feats/feats.scp <<< "a a.npy" > /dev/null
        fi ;;
    launch) echo weights > exp/p2v_train_tiny_hubert_base_6_100/valid.loss.best.pth ;;
    p2v_inference)
        mkdir -p "${out}"
        echo "${conversion:-1}" > "${out}/settings.json" ;;
    score_conversion) echo '{}' > exp/results.jsonl ;;
esac
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a recipe directory as egs2/<corpus>/p2v1 with stand-ins for tools and data."""
    directory = write_recipe(tmp_path, "p2v1", ["p2v1/p2v.sh"], ("tr", "va", "te"), BEHAVIOUR)
    for name in ("same", ".hidden"):
        (directory / "data/te/pairs" / name).mkdir(parents=True)
    (directory / "data/te/pairs/same/pairs").write_text("p s r v\n")
    (directory / "conf/train_tiny.yaml").write_text("max_epoch: 1\n")
    return directory


def run(recipe: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    return run_script(recipe, "p2v.sh", {**SETTINGS, **settings}, *arguments)


def calls(recipe: Path) -> list[str]:
    """Return the module of each call and, where it has one, the data set."""
    found = []
    for line in fake_recipe.calls(recipe):
        data_set = re.search(r".*--data_dir \S*/([^ /]*)", line)
        found.append(line.split()[0] + (f":{data_set[1]}" if data_set else ""))
    return found


def arguments_of(recipe: Path) -> str:
    return (recipe / "calls").read_text()


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
        again == f"{PREPARATION} p2v_inference:te score_speaker_vectors probe report_render".split()
    )
    assert result.stdout.count(": complete") == 3


@pytest.mark.parametrize(
    "module", ["format_wav", "aggregate_stats_dirs", "launch", "report_render"]
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
    arguments = arguments_of(recipe)
    assert "collect_feats/feats.scp" not in arguments
    assert "--write_collected_feats false" in arguments
    run(recipe, stage="7", stop_stage="7", cached_mels="true")
    assert "aggregate_stats_dirs" in calls(recipe), "statistics were there, their mels not"
    (recipe / "exp/p2v_train_tiny_hubert_base_6_100/.done").unlink()
    run(recipe, stage="7", stop_stage="8", cached_mels="true")
    assert unique(calls(recipe)) == ["launch"]
    arguments = arguments_of(recipe)
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


def test_without_test_sets_there_is_nothing_to_evaluate(recipe):
    result = run(recipe, test_sets="")
    assert result.returncode == 0, result.stderr
    expected = [name for name in PREPARATION.split() if not name.endswith(":te")]
    expected.remove("combine_data")
    assert unique(calls(recipe)) == [*expected, *TRAINING.split()]


def test_speeds_make_a_training_set_of_their_own(recipe):
    (recipe / "dump/raw/tr").rename(recipe / "dump/raw/tr_sp")
    result = run(recipe, speed_perturb_factors="0.9 1.0 1.1", stop_stage="7")
    assert result.returncode == 0, result.stderr
    arguments = arguments_of(recipe)
    assert "--out_dir dump/org/tr_sp --factors 0.9 1.0 1.1 --num_workers 2" in arguments
    assert "extract_units:tr_sp" in calls(recipe)
    assert "learn_kmeans:tr" in calls(recipe), "clusters are learnt at the original speed"
    assert "--train_speaker_dir dump/raw/tr_sp" in arguments


@pytest.mark.parametrize(("speeds", "train"), [("", "tr"), ("0.9 1.0 1.1", "tr_sp")])
def test_voices_of_validation_are_looked_for_in_the_training_set(recipe, speeds, train):
    (recipe / "dump/raw/tr").rename(recipe / "dump/raw" / train)
    settings = {"p2v_exp": "exp/p2v_train_tiny_hubert_base_6_100", "restore_contrast": "true"}
    result = run(recipe, speed_perturb_factors=speeds, **settings)
    assert result.returncode == 0, result.stderr
    trained, validated = fake_recipe.options_of(recipe, "filter_length")
    assert f"--out_dir dump/raw/{train} " in trained
    assert "--speaker_dir" not in trained, "in training a voice may be an utterance's own"
    assert "--out_dir dump/raw/va " in validated
    assert fake_recipe.value_of(validated, "speaker_dir") == f"dump/raw/{train}"
    [training] = fake_recipe.options_of(recipe, "launch")
    assert fake_recipe.value_of(training, "train_speaker_dir") == f"dump/raw/{train}"
    assert fake_recipe.value_of(training, "valid_speaker_dir") == "dump/raw/va"
    [conversion] = fake_recipe.options_of(recipe, "p2v_inference")
    assert fake_recipe.value_of(conversion, "contrast_data_dir") == "dump/raw/va"
    assert fake_recipe.value_of(conversion, "contrast_speaker_dir") == f"dump/raw/{train}"


def test_a_speaker_encoder_is_trained_where_asked(recipe):
    run(recipe, speaker_encoder="train", stage="5", stop_stage="5")
    assert calls(recipe)[:2] == ["train_speaker_encoder:tr", "extract_speaker_vectors:tr"]
    assert "--source exp/speaker_encoder" in arguments_of(recipe)


def test_given_centroids_are_not_learnt(recipe):
    run(recipe, kmeans_centroids="my/centroids.npz", stage="4", stop_stage="4")
    assert calls(recipe)[0] == "extract_units:tr"
    assert "--centroids_path my/centroids.npz" in arguments_of(recipe)


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


@pytest.mark.parametrize(
    ("settings", "restored"), [({}, "false"), ({"restore_contrast": "true"}, "true")]
)
def test_contrast_is_restored_where_asked_and_the_table_says_so(recipe, settings, restored):
    assert run(recipe, **settings).returncode == 0
    [conversion] = fake_recipe.options_of(recipe, "p2v_inference")
    directory = "dump/raw/va" if restored == "true" else ""
    assert fake_recipe.value_of(conversion, "contrast_data_dir") == directory
    [scores] = fake_recipe.options_of(recipe, "score_conversion")
    assert f"contrast restored: {restored}" in fake_recipe.value_of(scores, "protocol")
