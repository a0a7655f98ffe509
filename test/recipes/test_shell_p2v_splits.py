"""p2v.sh --num_splits: what training is given, and when the parts are made again.

The interpreter is a stand-in, see ``reference.fake_templates``, but splits with ESPnet's program.
"""

import sys
from pathlib import Path

import pytest
from reference import fake_recipe
from reference.fake_recipe import value_of, write_lines
from reference.fake_templates import run_fake, run_ok, write_fake

SETTINGS = {"kmeans_feature": "mfcc", "nclusters": "9", "stage": "7", "stop_stage": "8", "nj": "1"}
UNITS = ("units_mfcc_9", "unit_durations_mfcc_9")
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
def recipe(tmp_path: Path) -> Path:
    """Return a recipe directory whose training set is ready for stage 7."""
    directory = write_fake(tmp_path, "p2v1", BEHAVIOUR)
    for name in UNITS:
        write_lines(directory / "dump/raw/tr" / name, "tr-", " 1 2")
    return directory


def run(recipe: Path, **settings: str):
    result = run_ok(recipe, **SETTINGS, **settings)
    return result


def parts_of(recipe: Path, table: Path | str, num_parts: int) -> list[str]:
    """Return the keys of each part of a table, as one word a part."""
    files = [recipe / table / f"split.{number}" for number in range(num_parts)]
    lines = [file.read_text().splitlines() for file in files]
    return [" ".join(line.split()[0] for line in part) for part in lines]


def test_training_is_given_parts_and_validation_whole_tables(recipe):
    run(recipe, num_splits="2")
    [options] = fake_recipe.options_of(recipe, "launch")
    splits = STATS / "splits2_mfcc_9"
    kinds = ("units,text_int", "unit_durations,text_int")
    for part, folder in (("train", splits), ("valid", Path("dump/raw/va"))):
        name = f"--{part}_data_path_and_name_and_type"
        assert f"{name} {folder / 'wav.scp'},speech,sound" in options
        for table, kind in zip(UNITS, kinds, strict=True):
            assert f"{name} {folder / table},{kind}" in options
    assert value_of(options, "train_shape_file") == str(splits / "speech_shape")
    assert value_of(options, "valid_shape_file") == str(STATS / "valid/speech_shape")
    assert value_of(options, "train_speaker_dir") == "dump/raw/tr"
    assert value_of(options, "multiple_iterator") == "true"
    for table in ("wav.scp", "speech_shape", *UNITS):
        assert parts_of(recipe, splits / table, 2) == ["tr-0 tr-2 tr-4", "tr-1 tr-3"]
        assert (recipe / splits / table / "num_splits").read_text() == "2"


def test_kept_mels_are_brought_in_order_and_have_a_place_of_their_own(recipe):
    run(recipe, num_splits="2")
    (recipe / EXP / ".done").unlink()
    run(recipe, num_splits="2", precomputed_features="true")
    splits = STATS / "splits2_mfcc_9_mels"
    [options] = fake_recipe.options_of(recipe, "launch")
    assert f"{splits}/feats.scp,feats,npy" in options
    assert f"{STATS}/valid/collect_feats/feats.scp,feats,npy" in options
    assert "speech,sound" not in options
    for table in ("feats.scp", "speech_shape", *UNITS):
        assert parts_of(recipe, splits / table, 2) == ["tr-0 tr-2 tr-4", "tr-1 tr-3"]
    assert not (recipe / splits / "sorted").exists()
    assert (recipe / STATS / "splits2_mfcc_9/.done").exists()


def test_parts_are_made_again_only_where_a_table_changed(recipe):
    run(recipe, num_splits="2")
    (recipe / EXP / ".done").unlink()
    assert "splits2_mfcc_9: complete" in run(recipe, num_splits="2").stdout
    assert fake_recipe.modules(recipe) == ["launch"]
    write_lines(recipe / "dump/raw/tr" / UNITS[0], "tr-", " 1 3")
    run(recipe, num_splits="2")
    assert fake_recipe.modules(recipe) == ["split_scps", "launch"]
    assert "tr-1 1 3" in (recipe / STATS / f"splits2_mfcc_9/{UNITS[0]}/split.1").read_text()


def test_another_number_of_parts_leaves_what_is_trained(recipe):
    run(recipe, num_splits="2")
    result = run(recipe, num_splits="3")
    assert fake_recipe.modules(recipe) == []
    assert f"{EXP}: complete" in result.stdout
    (recipe / EXP / ".done").unlink()
    result = run(recipe, num_splits="3")
    assert "WARNING" not in result.stdout, "training goes on, in another order"
    assert fake_recipe.modules(recipe) == ["split_scps", "launch"]


def test_half_made_parts_are_not_trusted(recipe):
    """Complete; the table changes and a kill; the table changes back."""
    table = recipe / "dump/raw/tr" / UNITS[0]
    before = table.read_text()
    run(recipe, num_splits="2")
    write_lines(table, "tr-", " 4")
    (recipe / "fail").write_text("split_scps")
    assert run_fake(recipe, **SETTINGS, num_splits="2").returncode != 0
    assert "launch" not in fake_recipe.modules(recipe)
    (recipe / "fail").unlink()
    table.write_text(before)
    (recipe / EXP / ".done").unlink(missing_ok=True)
    run(recipe, num_splits="2")
    assert fake_recipe.modules(recipe) == ["split_scps", "launch"]


def test_tables_of_different_utterances_end_the_run(recipe):
    table = recipe / "dump/raw/tr" / UNITS[1]
    table.write_text(table.read_text().replace("tr-3", "tr-33"))
    result = run_fake(recipe, **SETTINGS, num_splits="2")
    assert result.returncode != 0
    assert "not split into 2 parts: dump/raw/tr/units_mfcc_9 dump/raw/tr/unit_dur" in result.stderr
    assert "they need the same utterances" in result.stderr
    assert "launch" not in fake_recipe.modules(recipe)
