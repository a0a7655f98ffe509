"""The paper's mixture of corpora end to end, on spoken miniatures of all four."""

import contextlib
import random
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("av")
from reference.mixture_copies import write_copies
from reference.recipe_copy import (
    check_rerun,
    copy_recipe,
    records_of,
    run_to_the_end,
    train_speaker_encoder,
    write_narrow,
)

from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table
from espnet2_ext.speaker.embeddings import SpeakerVectorSampler

# More than the smallest corpus has: what is drawn is drawn from all of it together.
NUM_VALID, NUM_TEST, SEED = 16, 12, 1
# Of LRS3 three of 21 clips are cut in two; of MSP-PODCAST 8 of 48 are of Test1; 3 of OMG are dead.
SIZES = {"lrs3": 24, "podcast": 40, "improv": 40, "omg": 30}


def corpus_of(speaker: str) -> str:
    """Return which corpus a speaker is of; those of OMG are nine digits."""
    name = speaker.partition("_")[0]
    return name if name in SIZES else "omg"


def check_sets(recipe: Path) -> None:
    """Check what is in the sets by the miniatures and by a draw made here."""
    data, raw = recipe / "data", recipe / "dump/raw"
    train = sum(SIZES.values()) - NUM_VALID - NUM_TEST
    numbers = {"": sum(SIZES.values()), "_train": train, "_valid": NUM_VALID, "_test": NUM_TEST}
    for part, number in numbers.items():
        assert validate_data_directory(data / f"lrs3_msp_omg{part}") == number
    speakers = read_table(data / "lrs3_msp_omg/utt2spk")
    assert Counter(map(corpus_of, speakers.values())) == SIZES
    drawn = random.Random(SEED).sample(sorted(speakers), NUM_VALID)
    assert set(read_table(data / "lrs3_msp_omg_valid/wav.scp")) == set(drawn)
    assert len({corpus_of(speakers[utterance]) for utterance in drawn}) > 2
    # Everything that was drawn has sound, at three speeds, and comes through all stages.
    for part, expected in (("train_sp", 3 * train), ("valid", NUM_VALID), ("test", NUM_TEST)):
        directory = raw / f"lrs3_msp_omg_{part}"
        with contextlib.chdir(recipe):  # where the audio is, is written from there
            assert validate_data_directory(directory, check_audio=True) == expected
        assert (directory / "units_mfcc_10").is_file() and (directory / "spk_embed.scp").is_file()
    # Other utterances give validation its voices, and training has to help.
    folders = [raw / f"lrs3_msp_omg_{part}" for part in ("valid", "train_sp")]
    valid, training = (read_table(folder / "utt2spk") for folder in folders)
    assert len(set(valid.values())) < len(valid), "not all are alone in the set"
    sampler = SpeakerVectorSampler.from_directory(*folders, deterministic=True)
    chosen = {utterance: sampler.choose(utterance) for utterance in valid}
    assert [utterance for utterance, other in chosen.items() if other == utterance] == []
    assert set(chosen.values()) - set(valid), "some are of training"
    assert {key: (valid | training)[other] for key, other in chosen.items()} == valid


def check_report(recipe: Path, note: str) -> None:
    """Check that both tables are there and say which corpora they are of."""
    table = f"tiny_mfcc_10_sp ({note})"
    rows = {record["row"] for record in records_of(recipe) if record["table"] == table}
    assert {"source (unconverted)", "converted", "copy synthesis", "mismatched text"} <= rows
    probes = {(r["row"], r["metric"]) for r in records_of(recipe, f"Disentanglement: {table}")}
    vectors = ("prosody vector", "untrained encoder", "speaker vector", "units", "chance")
    assert {(f"lrs3_msp_omg_test: {name}", "speaker probe") for name in vectors} <= probes
    # LRS3 names no emotions, so that a mixture with it has none.
    assert "emotion probe" not in {metric for _, metric in probes}
    report = (recipe / "exp/RESULTS.md").read_text()
    expected = (table, f"Disentanglement: {table}", f"Disentanglement: {table}: correlations")
    for title in (*expected, f"Speaker vectors ({note})"):
        assert f"\n## {title}\n" in report
    assert (recipe / "data/lrs3_msp_omg_corpora").read_text() == f"{note}\n"
    converted = recipe.glob("exp/p2v_tiny_mfcc_10_sp/griffin_lim*/lrs3_msp_omg_test/*/wav/*.wav")
    assert len(list(converted)) == NUM_TEST


@pytest.mark.slow
def test_all_four_and_a_rerun(tmp_path: Path):
    recipe = copy_recipe(tmp_path, "p2v1", "lrs3_msp_omg")
    write_narrow(recipe, "conf/train_p2v.yaml")
    draws = f"--num_valid {NUM_VALID} --num_test {NUM_TEST} --seed {SEED}"
    corpora = write_copies(tmp_path / "corpora")
    command = [
        *("env", *(f"{name}={folder}" for name, folder in corpora.items()), "./run.sh"),
        *("--local_data_opts", f"{draws} --allow_incomplete true"),
        *("--kmeans_feature", "mfcc", "--kmeans_switch_penalty", "8", "--kmeans_portion", "1"),
        *("--nclusters", "10", "--speaker_encoder", "exp/encoder"),
        *("--p2v_config", "conf/tiny.yaml", "--inference_config", "conf/limits.yaml"),
        *("--ngpu", "0", "--nj", "1", "--inference_nj", "1"),
    ]
    run_to_the_end(recipe, [*command, "--stop_stage", "2"])
    train_speaker_encoder(recipe, "lrs3_msp_omg_train")
    run_to_the_end(recipe, [*command, "--stage", "3"])
    check_sets(recipe)
    check_report(recipe, "LRS3 + MSP-PODCAST + MSP-IMPROV + OMG")
    rerun = [*command, "--skip_stages", "4 5 6 7 8"]  # which test_mini_emo.py runs again
    check_rerun(recipe, rerun, "dump/**/*.flac", "downloads/**/*.flac", "exp/**/*.wav")
