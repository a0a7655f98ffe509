"""p2v.sh goes on after a kill, trusts nothing half done, and gives training what it needs."""

import re
import sys
from pathlib import Path

import pytest
from reference.fake_recipe import (
    P2V_EXP,
    calls,
    lines,
    modules,
    options_of,
    run,
    value_of,
    write_recipe,
)

DATA = "data.sh format_wav:tr format_wav:va format_wav:te"
UNITS = "learn_kmeans:tr extract_units:tr extract_units:va extract_units:te"
VOICES = "extract_speaker_vectors:tr extract_speaker_vectors:va extract_speaker_vectors:te"
LENGTHS = "filter_length:tr filter_length:va combine_data"
TRAINING = "p2v_train aggregate_stats_dirs launch"
EVALUATION = """p2v_inference:te score_conversion:te report_conversion:te
    score_speaker_vectors probe report_render"""
VOICES_ALONE = {"stage": "5", "stop_stage": "5"}
STATISTICS = {"stage": "7", "stop_stage": "7"}
TRAINED = {"stage": "7", "stop_stage": "8"}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path, "p2v1")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, f"{DATA} {UNITS} {VOICES} {LENGTHS} {TRAINING} {EVALUATION}"),
        ({"skip_data_prep": "true", "skip_train": "true"}, EVALUATION),
        ({"skip_eval": "true", "skip_data_prep": "true"}, TRAINING),
        ({"stage": "2", "stop_stage": "4", "skip_stages": "2 3"}, UNITS),
        ({"stop_stage": "1"}, "data.sh"),
        ({"test_sets": "", "stage": "6"}, f"{LENGTHS.rpartition(' ')[0]} {TRAINING}"),
        ({"speaker_encoder": "train", **VOICES_ALONE}, f"train_speaker_encoder:tr {VOICES}"),
    ],
)
def test_stages_can_be_chosen(recipe, settings, expected):
    (recipe / P2V_EXP).mkdir(parents=True)
    run(recipe, **settings)
    found = [re.sub(r"^(\S+).* --data_dir \S*?(\w+) .*", r"\1:\2", line) for line in calls(recipe)]
    assert list(dict.fromkeys(each.split()[0] for each in found)) == expected.split()


def test_files_that_are_named_are_taken(recipe):
    given = {"kmeans_centroids": "my/centroids.npz", "speaker_encoder": "train"}
    run(recipe, stage="4", stop_stage="5", **given)
    assert "learn_kmeans" not in modules(recipe)
    for options in options_of(recipe, "extract_units"):
        assert value_of(options, "centroids_path") == "my/centroids.npz"
    for options in options_of(recipe, "extract_speaker_vectors"):
        assert value_of(options, "source") == "exp/speaker_encoder"


@pytest.mark.parametrize("accepted", ["true", "false"])
def test_only_the_training_set_needs_speakers_of_several_utterances(recipe, accepted):
    settings = {"allow_pipes": "true", "allow_utterance_speakers": accepted}
    run(recipe, stage="2", stop_stage="2", **settings)
    given = [
        tuple(value_of(each, name) for name in settings)
        for each in options_of(recipe, "format_wav")
    ]
    assert given == [("true", accepted), ("true", "true"), ("true", "true")]


def test_statistics_are_split_without_loss_or_repetition(recipe):
    run(recipe, nj="3", **STATISTICS)
    logdir = recipe / "exp/p2v_stats_16k/logdir"
    parts = [(logdir / f"train.{job}.scp").read_text() for job in (1, 2, 3)]
    assert "".join(parts) == (recipe / "dump/raw/tr/wav.scp").read_text()
    assert all(parts)
    run(recipe, nj="32", p2v_stats_dir="exp/b", **STATISTICS)
    assert len(options_of(recipe, "p2v_train")) == 5, "no more jobs than utterances"


def test_interrupted_statistics_are_not_taken_for_an_earlier_complete_set(recipe):
    """First run complete; data change and a kill; data change back: nothing may be trusted."""
    table = recipe / "dump/raw/tr/wav.scp"
    before = table.read_text()
    run(recipe, **STATISTICS)
    table.write_text(before + "tr-9 y.wav\n")
    (recipe / "fail").write_text("aggregate_stats_dirs")
    run(recipe, fails=True, **STATISTICS)
    (recipe / "fail").unlink()
    table.write_text(before)
    run(recipe, **STATISTICS)
    assert "aggregate_stats_dirs" in modules(recipe)


def test_what_a_changed_configuration_does_again(recipe):
    run(recipe, **TRAINED)
    (recipe / "conf/train_tiny.yaml").write_text("max_epoch: 2\n")
    result = run(recipe, **TRAINED)
    assert "WARNING: data, configuration or options changed" in result.stdout
    assert modules(recipe) == ["launch"], "statistics do not depend on max_epoch"
    assert "WARNING" not in run(recipe, **TRAINED).stdout
    text = "features_conf:\n    n_fft: 512\nmax_epoch: 2\n"
    (recipe / "conf/train_tiny.yaml").write_text(text)
    run(recipe, **STATISTICS)
    assert "aggregate_stats_dirs" in modules(recipe), "they depend on the features"


def test_training_reads_kept_mels_where_asked(recipe):
    run(recipe, **TRAINED)
    arguments = (recipe / "calls").read_text()
    assert "collect_feats/feats.scp" not in arguments
    assert "--write_collected_feats false" in arguments
    run(recipe, precomputed_features="true", **STATISTICS)
    assert "aggregate_stats_dirs" in modules(recipe), "statistics were there, their mels not"
    (recipe / P2V_EXP / ".done").unlink()
    run(recipe, precomputed_features="true", **TRAINED)
    [arguments] = calls(recipe)
    assert arguments.startswith("launch") and "speech,sound" not in arguments
    for part in ("train", "valid"):
        name = f"--{part}_data_path_and_name_and_type"
        assert f"{name} exp/p2v_stats_16k/{part}/collect_feats/feats.scp,feats,npy" in arguments
    result = run(recipe, **TRAINED)  # the same model, whatever is read
    assert calls(recipe) == [] and result.stdout.count(": complete") == 2


@pytest.mark.parametrize(("speeds", "train"), [("", "tr"), ("0.9 1.0 1.1", "tr_sp")])
def test_speeds_make_a_training_set_of_their_own_which_gives_validation_its_voices(
    recipe, speeds, train
):
    (recipe / "dump/raw/tr").rename(recipe / "dump/raw" / train)
    compensation = "true" if speeds else "false"
    settings = {"p2v_exp": P2V_EXP, "variance_compensation": compensation}
    run(recipe, speed_perturb_factors=speeds, **settings)
    made = f"--out_dir dump/org/{train} --factors {speeds} --num_workers 2"
    assert [made in each for each in options_of(recipe, "perturb_speed")] == [True] * bool(speeds)
    [clusters] = options_of(recipe, "learn_kmeans")
    assert value_of(clusters, "data_dir") == "dump/org/tr", "learnt at the original speed"
    assert value_of(options_of(recipe, "extract_units")[0], "data_dir") == f"dump/org/{train}"
    trained, validated = options_of(recipe, "filter_length")
    assert f"--out_dir dump/raw/{train} " in trained
    assert "--speaker_dir" not in trained, "in training a voice may be an utterance's own"
    assert "--out_dir dump/raw/va " in validated
    assert value_of(validated, "speaker_dir") == f"dump/raw/{train}"
    [training] = options_of(recipe, "launch")
    assert value_of(training, "train_speaker_dir") == f"dump/raw/{train}"
    assert value_of(training, "valid_speaker_dir") == "dump/raw/va"
    assert "multiple_iterator" not in training, "not split"
    statistics = f"exp/p2v_stats_16k{train.removeprefix('tr')}"
    assert value_of(training, "train_shape_file") == f"{statistics}/train/speech_shape"
    [conversion] = options_of(recipe, "p2v_inference")
    assert value_of(conversion, "compensation_data_dir") == ("dump/raw/va" if speeds else "")
    assert value_of(conversion, "compensation_speaker_dir") == f"dump/raw/{train}"
    [scores] = options_of(recipe, "score_conversion")
    assert f"variance compensation: {compensation}" in value_of(scores, "protocol")


# ---------------------------------------------------------------- --num_splits
SETTINGS = {"kmeans_feature": "mfcc", "nclusters": "9", "stage": "7", "stop_stage": "8", "nj": "1"}
TWO = SETTINGS | {"num_splits": "2"}
TABLES = ("units_mfcc_9", "unit_durations_mfcc_9")
STATS, EXP = Path("exp/p2v_stats_16k"), Path("exp/p2v_train_tiny_mfcc_9")
BEHAVIOUR = f"""
case "${{module}}" in
    aggregate_stats_dirs)
        mkdir -p {STATS}/train/collect_feats {STATS}/valid/collect_feats
        cut -d ' ' -f 1 dump/raw/tr/wav.scp | sed 's/$/ 7/' > {STATS}/train/speech_shape
        # As two loader processes deliver.
        cut -d ' ' -f 1 dump/raw/tr/wav.scp | sed 's/$/ x.npy/' | sort -r \\
            | tee {STATS}/valid/collect_feats/feats.scp > {STATS}/train/collect_feats/feats.scp ;;
    split_scps) {sys.executable} "$@" 2> /dev/null ;;
esac
"""


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """Return a recipe directory whose training set is ready for stage 7."""
    directory = write_recipe(tmp_path, "p2v1", behaviour=BEHAVIOUR)
    for name in TABLES:
        (directory / "dump/raw/tr" / name).write_text(lines("tr-", " 1 2"))
    return directory


def check_parts(folder: Path, *tables: str) -> None:
    """Check that each table is in two parts, every other utterance in each."""
    for table in tables:
        parts = [(folder / table / f"split.{number}").read_text() for number in (0, 1)]
        keys = [[line.split()[0] for line in part.splitlines()] for part in parts]
        assert keys == [["tr-0", "tr-2", "tr-4"], ["tr-1", "tr-3"]], table
        assert (folder / table / "num_splits").read_text() == "2"


def test_training_is_given_parts_and_validation_whole_tables(ready):
    run(ready, **TWO)
    [options] = options_of(ready, "launch")
    splits = STATS / "splits2_mfcc_9"
    kinds = ("units,text_int", "unit_durations,text_int")
    for part, folder in (("train", splits), ("valid", Path("dump/raw/va"))):
        name = f"--{part}_data_path_and_name_and_type"
        for table, kind in zip(("wav.scp", *TABLES), ("speech,sound", *kinds), strict=True):
            assert f"{name} {folder / table},{kind}" in options
    assert value_of(options, "train_shape_file") == str(splits / "speech_shape")
    assert value_of(options, "valid_shape_file") == str(STATS / "valid/speech_shape")
    assert value_of(options, "train_speaker_dir") == "dump/raw/tr"
    assert value_of(options, "multiple_iterator") == "true"
    check_parts(ready / splits, "wav.scp", "speech_shape", *TABLES)

    # Kept mels are brought in order and have a place of their own.
    (ready / EXP / ".done").unlink()
    run(ready, precomputed_features="true", **TWO)
    mels = STATS / "splits2_mfcc_9_mels"
    [options] = options_of(ready, "launch")
    assert f"{mels}/feats.scp,feats,npy" in options
    assert f"{STATS}/valid/collect_feats/feats.scp,feats,npy" in options
    assert "speech,sound" not in options
    check_parts(ready / mels, "feats.scp", "speech_shape", *TABLES)
    assert not (ready / mels / "sorted").exists()
    assert (ready / splits / ".done").exists()


def test_parts_are_made_again_only_where_a_table_or_their_number_changed(ready):
    run(ready, **TWO)
    result = run(ready, **SETTINGS, num_splits="3")
    assert modules(ready) == [] and f"{EXP}: complete" in result.stdout, "what is trained stays"
    (ready / EXP / ".done").unlink()
    assert "splits2_mfcc_9: complete" in run(ready, **TWO).stdout
    assert modules(ready) == ["launch"]
    (ready / EXP / ".done").unlink()
    result = run(ready, **SETTINGS, num_splits="3")
    assert "WARNING" not in result.stdout, "training goes on, in another order"
    assert modules(ready) == ["split_scps", "launch"]
    (ready / "dump/raw/tr" / TABLES[0]).write_text(lines("tr-", " 1 3"))
    run(ready, **TWO)
    assert modules(ready) == ["split_scps", "launch"]
    assert "tr-1 1 3" in (ready / STATS / f"splits2_mfcc_9/{TABLES[0]}/split.1").read_text()


def test_half_made_parts_are_not_trusted(ready):
    """Complete; the table changes and a kill; the table changes back."""
    table = ready / "dump/raw/tr" / TABLES[0]
    before = table.read_text()
    run(ready, **TWO)
    table.write_text(lines("tr-", " 4"))
    (ready / "fail").write_text("split_scps")
    run(ready, fails=True, **TWO)
    assert "launch" not in modules(ready)
    (ready / "fail").unlink()
    table.write_text(before)
    run(ready, **TWO)
    assert modules(ready) == ["split_scps", "launch"]


def test_tables_of_different_utterances_end_the_run(ready):
    table = ready / "dump/raw/tr" / TABLES[1]
    table.write_text(table.read_text().replace("tr-3", "tr-33"))
    result = run(ready, fails=True, **TWO)
    assert "not split into 2 parts: dump/raw/tr/units_mfcc_9 dump/raw/tr/unit_dur" in result.stderr
    assert "they need the same utterances" in result.stderr
    assert "launch" not in modules(ready)
