"""p2v.sh orders its stages, goes on after a kill, and trusts nothing half done.

The interpreter is a stand-in, see ``reference.fake_templates``.
"""

import re
from pathlib import Path

import pytest
from reference import fake_recipe
from reference.fake_recipe import options_of, value_of
from reference.fake_templates import P2V_EXP, run_fake, run_ok, write_fake

PREPARATION = """data.sh format_wav:tr format_wav:va format_wav:te learn_kmeans:tr
    extract_units:tr extract_units:va extract_units:te extract_speaker_vectors:tr
    extract_speaker_vectors:va extract_speaker_vectors:te filter_length:tr filter_length:va
    combine_data"""
TRAINING = "p2v_train aggregate_stats_dirs launch"
EVALUATION = """p2v_inference:te score_conversion:te report_conversion:te
    score_speaker_vectors probe report_render"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_fake(tmp_path, "p2v1")


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
    result = run_ok(recipe)
    assert unique(calls(recipe)) == f"{PREPARATION} {TRAINING} {EVALUATION}".split()
    assert calls(recipe).count("p2v_train") == 2, "statistics are collected in nj jobs"
    assert re.search(r"Stage 8: training in exp/p2v_train_tiny_hubert_base_6_100\n", result.stdout)
    assert re.search(r"Finished in \d+ s\n$", result.stdout)
    [training] = options_of(recipe, "launch")
    assert "multiple_iterator" not in training
    shapes = value_of(training, "train_shape_file")
    assert shapes == "exp/p2v_stats_16k/train/speech_shape", "not split"
    [conversion] = options_of(recipe, "p2v_inference")
    assert value_of(conversion, "compensation_data_dir") == ""
    [scores] = options_of(recipe, "score_conversion")
    assert "variance compensation: false" in value_of(scores, "protocol")


@pytest.mark.parametrize("accepted", ["true", "false"])
def test_only_the_training_set_needs_speakers_of_several_utterances(recipe, accepted):
    settings = {"allow_pipes": "true", "allow_utterance_speakers": accepted}
    run_ok(recipe, stage="2", stop_stage="2", **settings)
    given = [
        tuple(value_of(each, name) for name in settings)
        for each in options_of(recipe, "format_wav")
    ]
    assert given == [("true", accepted), ("true", "true"), ("true", "true")]


def test_statistics_are_split_without_loss_or_repetition(recipe):
    run_ok(recipe, stage="7", stop_stage="7", nj="3")
    logdir = recipe / "exp/p2v_stats_16k/logdir"
    parts = [(logdir / f"train.{job}.scp").read_text() for job in (1, 2, 3)]
    assert "".join(parts) == (recipe / "dump/raw/tr/wav.scp").read_text()
    assert all(parts)
    run_fake(recipe, stage="7", stop_stage="7", nj="32", p2v_stats_dir="exp/b")
    assert calls(recipe).count("p2v_train") == 5, "no more jobs than utterances"


def test_a_rerun_repeats_neither_statistics_nor_training_nor_scores(recipe, monkeypatch):
    run_fake(recipe)
    result = run_ok(recipe)
    evaluation = "p2v_inference:te score_speaker_vectors probe report_render"
    assert unique(calls(recipe)) == f"{PREPARATION} {evaluation}".split()
    assert result.stdout.count(": complete") == 3
    monkeypatch.setenv("conversion", "2")
    run_fake(recipe)
    assert "score_conversion:te" in calls(recipe), "other conversions"


def test_interrupted_statistics_are_not_taken_for_an_earlier_complete_set(recipe):
    """First run complete; data change and a kill; data change back: nothing may be trusted."""
    table = recipe / "dump/raw/tr/wav.scp"
    before = table.read_text()
    run_fake(recipe, stage="7", stop_stage="7")
    table.write_text(before + "tr-9 y.wav\n")
    (recipe / "fail").write_text("aggregate_stats_dirs")
    assert run_fake(recipe, stage="7", stop_stage="7").returncode != 0
    (recipe / "fail").unlink()
    table.write_text(before)
    run_fake(recipe, stage="7", stop_stage="7")
    assert "aggregate_stats_dirs" in calls(recipe)


def test_what_a_changed_configuration_does_again(recipe):
    run_fake(recipe, stage="7", stop_stage="8")
    (recipe / "conf/train_tiny.yaml").write_text("max_epoch: 2\n")
    result = run_fake(recipe, stage="7", stop_stage="8")
    assert "WARNING: data, configuration or options changed" in result.stdout
    assert "launch" in calls(recipe)
    assert "aggregate_stats_dirs" not in calls(recipe), "statistics do not depend on max_epoch"
    assert "WARNING" not in run_fake(recipe, stage="7", stop_stage="8").stdout
    text = "features_conf:\n    n_fft: 512\nmax_epoch: 2\n"
    (recipe / "conf/train_tiny.yaml").write_text(text)
    run_fake(recipe, stage="7", stop_stage="7")
    assert "aggregate_stats_dirs" in calls(recipe), "they depend on the features"


def test_training_reads_kept_mels_where_asked(recipe):
    run_fake(recipe, stage="7", stop_stage="8")
    arguments = arguments_of(recipe)
    assert "collect_feats/feats.scp" not in arguments
    assert "--write_collected_feats false" in arguments
    run_fake(recipe, stage="7", stop_stage="7", precomputed_features="true")
    assert "aggregate_stats_dirs" in calls(recipe), "statistics were there, their mels not"
    (recipe / P2V_EXP / ".done").unlink()
    run_fake(recipe, stage="7", stop_stage="8", precomputed_features="true")
    assert unique(calls(recipe)) == ["launch"]
    arguments = arguments_of(recipe)
    for part in ("train", "valid"):
        name = f"--{part}_data_path_and_name_and_type"
        assert f"{name} exp/p2v_stats_16k/{part}/collect_feats/feats.scp,feats,npy" in arguments
    assert "speech,sound" not in arguments
    result = run_fake(recipe, stage="7", stop_stage="8")  # the same model, whatever is read
    assert calls(recipe) == [] and result.stdout.count(": complete") == 2


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
    (recipe / P2V_EXP).mkdir(parents=True)
    run_ok(recipe, **settings)
    names = expected.split() if isinstance(expected, str) else expected
    assert unique(calls(recipe)) == names


def test_without_test_sets_there_is_nothing_to_evaluate(recipe):
    run_ok(recipe, test_sets="")
    expected = [name for name in PREPARATION.split() if not name.endswith(":te")]
    expected.remove("combine_data")
    assert unique(calls(recipe)) == [*expected, *TRAINING.split()]


def test_speeds_make_a_training_set_of_their_own(recipe):
    (recipe / "dump/raw/tr").rename(recipe / "dump/raw/tr_sp")
    run_ok(recipe, speed_perturb_factors="0.9 1.0 1.1", stop_stage="7")
    arguments = arguments_of(recipe)
    assert "--out_dir dump/org/tr_sp --factors 0.9 1.0 1.1 --num_workers 2" in arguments
    assert "extract_units:tr_sp" in calls(recipe)
    assert "learn_kmeans:tr" in calls(recipe), "clusters are learnt at the original speed"
    assert "--train_speaker_dir dump/raw/tr_sp" in arguments


@pytest.mark.parametrize(("speeds", "train"), [("", "tr"), ("0.9 1.0 1.1", "tr_sp")])
def test_voices_of_validation_are_looked_for_in_the_training_set(recipe, speeds, train):
    (recipe / "dump/raw/tr").rename(recipe / "dump/raw" / train)
    settings = {"p2v_exp": P2V_EXP, "variance_compensation": "true"}
    run_ok(recipe, speed_perturb_factors=speeds, **settings)
    trained, validated = options_of(recipe, "filter_length")
    assert f"--out_dir dump/raw/{train} " in trained
    assert "--speaker_dir" not in trained, "in training a voice may be an utterance's own"
    assert "--out_dir dump/raw/va " in validated
    assert value_of(validated, "speaker_dir") == f"dump/raw/{train}"
    [training] = options_of(recipe, "launch")
    assert value_of(training, "train_speaker_dir") == f"dump/raw/{train}"
    assert value_of(training, "valid_speaker_dir") == "dump/raw/va"
    [conversion] = options_of(recipe, "p2v_inference")
    assert value_of(conversion, "compensation_data_dir") == "dump/raw/va"
    assert value_of(conversion, "compensation_speaker_dir") == f"dump/raw/{train}"
    [scores] = options_of(recipe, "score_conversion")
    assert "variance compensation: true" in value_of(scores, "protocol")


def test_a_speaker_encoder_is_trained_where_asked(recipe):
    run_fake(recipe, speaker_encoder="train", stage="5", stop_stage="5")
    assert calls(recipe)[:2] == ["train_speaker_encoder:tr", "extract_speaker_vectors:tr"]
    assert "--source exp/speaker_encoder" in arguments_of(recipe)


def test_given_centroids_are_not_learnt(recipe):
    run_fake(recipe, kmeans_centroids="my/centroids.npz", stage="4", stop_stage="4")
    assert calls(recipe)[0] == "extract_units:tr"
    assert "--centroids_path my/centroids.npz" in arguments_of(recipe)
