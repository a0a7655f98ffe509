"""The paper's mixture of corpora end to end, on spoken miniatures of all four or of two."""

import contextlib
import json
import os
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

pytest.importorskip("av")
from reference.mixture_copies import write_copies
from reference.recipe_copy import copy_recipe, modification_times, narrow, run_to_the_end

from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table
from espnet2_ext.speaker.embeddings import SpeakerVectorSampler

pytestmark = pytest.mark.slow
# More than the smallest corpus has: what is drawn is drawn from all of it together.
NUM_VALID, NUM_TEST, SEED = 16, 12, 1
NAMES = ("LRS3", "MSP_PODCAST", "MSP_IMPROV", "OMG", "OMG_MEDIA")
FACTORS = 3
# Of LRS3 three of 21 clips are cut in two; of MSP-PODCAST 8 of 48 are of Test1; 3 of OMG are dead.
SIZES = {"lrs3": 24, "podcast": 40, "improv": 40, "omg": 30}
ALL = "LRS3 + MSP-PODCAST + MSP-IMPROV + OMG"
TWO = "MSP-IMPROV + OMG, without LRS3 + MSP-PODCAST"


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folders of the four corpora and of OMG's videos, by the names of db.sh."""
    return write_copies(tmp_path_factory.mktemp("corpora"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a copy of the recipe that shares the templates and the environment."""
    directory = copy_recipe(tmp_path, "p2v1", "lrs3_msp_omg")
    config = narrow(yaml.safe_load((directory / "conf/train_p2v.yaml").read_text()))
    config["num_workers"] = 0
    (directory / "conf/tiny.yaml").write_text(yaml.safe_dump(config))
    (directory / "conf/speaker.yaml").write_text("steps: 2\n")
    (directory / "conf/limits.yaml").write_text("max_frames_per_unit: 3\n")
    return directory


def run(recipe: Path, corpora: Mapping[str, Path], *options: str) -> None:
    """Run run.sh with everything small and with the corpora that are given, no others."""
    draws = f"--num_valid {NUM_VALID} --num_test {NUM_TEST} --seed {SEED}"
    assert corpora.keys() <= set(NAMES)
    run_to_the_end(
        recipe,
        [
            *("env", *(f"{name}={corpora.get(name, '')}" for name in NAMES), "./run.sh"),
            *("--local_data_opts", f"{draws} --allow_incomplete true"),
            *("--kmeans_feature", "mfcc", "--kmeans_switch_penalty", "8", "--kmeans_portion", "1"),
            *("--nclusters", "10", "--speaker_encoder", "exp/encoder"),
            *("--p2v_config", "conf/tiny.yaml", "--inference_config", "conf/limits.yaml"),
            *("--ngpu", "0", "--nj", "1", "--inference_nj", "1"),
            *options,
        ],
    )


def run_all_stages(recipe: Path, corpora: Mapping[str, Path]) -> None:
    run(recipe, corpora, "--stop_stage", "2")
    train_encoder = """. ./path.sh && python3 -m espnet2_ext.bin.train_speaker_encoder \
        --data_dir dump/org/lrs3_msp_omg_train --out_dir exp/encoder --config conf/speaker.yaml"""
    run_to_the_end(recipe, ["bash", "-c", train_encoder])
    run(recipe, corpora, "--stage", "3")


def corpus_of(speaker: str) -> str:
    """Return which corpus a speaker is of; those of OMG are nine digits."""
    name = speaker.partition("_")[0]
    return name if name in SIZES else "omg"


def check_sets(recipe: Path, corpora: set[str]) -> None:
    """Check what is in the sets by the miniatures and by a draw made here."""
    data, raw = recipe / "data", recipe / "dump/raw"
    total = sum(SIZES[corpus] for corpus in corpora)
    number = {
        part: validate_data_directory(data / f"lrs3_msp_omg{part}")
        for part in ("", "_train", "_valid", "_test")
    }
    train = total - NUM_VALID - NUM_TEST
    assert number == {"": total, "_train": train, "_valid": NUM_VALID, "_test": NUM_TEST}
    speakers = read_table(data / "lrs3_msp_omg/utt2spk")
    found = [corpus_of(speaker) for speaker in speakers.values()]
    assert {corpus: found.count(corpus) for corpus in set(found)} == {
        corpus: SIZES[corpus] for corpus in corpora
    }
    drawn = random.Random(SEED).sample(sorted(speakers), NUM_VALID)
    assert set(read_table(data / "lrs3_msp_omg_valid/wav.scp")) == set(drawn)
    # Everything that was drawn has sound, at every speed, and comes through all stages.
    for part, expected in (("train_sp", FACTORS * train), ("valid", NUM_VALID), ("test", NUM_TEST)):
        directory = raw / f"lrs3_msp_omg_{part}"
        with contextlib.chdir(recipe):  # where the audio is, is written from there
            assert validate_data_directory(directory, check_audio=True) == expected
        assert (directory / "units_mfcc_10").is_file() and (directory / "spk_embed.scp").is_file()
    check_voices(raw / "lrs3_msp_omg_valid", raw / "lrs3_msp_omg_train_sp")


def check_voices(valid: Path, train: Path) -> None:
    """Check that other utterances give validation its voices, and that training has to help."""
    speakers = read_table(valid / "utt2spk")
    assert len(set(speakers.values())) < len(speakers), "not all are alone in the set"
    sampler = SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
    chosen = {utterance: sampler.choose(utterance) for utterance in speakers}
    assert [utterance for utterance, other in chosen.items() if other == utterance] == []
    assert set(chosen.values()) - set(speakers), "some are of training"
    known = speakers | read_table(train / "utt2spk")
    assert {key: known[other] for key, other in chosen.items()} == speakers


def results(recipe: Path) -> list[dict]:
    """Return the records of results; the code's revision may change while a test runs."""
    records = [json.loads(line) for line in (recipe / "exp/results.jsonl").open()]
    return [{**record, "commit": None} for record in records if record["row"] != "Git hash"]


def check_report(recipe: Path, note: str) -> None:
    """Check that both tables are there and say which corpora they are of."""
    records = results(recipe)
    table = f"tiny_mfcc_10_sp ({note})"
    rows = {record["row"] for record in records if record["table"] == table}
    assert {"source (unconverted)", "converted", "copy synthesis", "mismatched text"} <= rows
    probes = [record for record in records if record["table"] == f"Disentanglement: {table}"]
    vectors = ("prosody vector", "untrained encoder", "speaker vector", "units", "chance")
    for name in vectors:
        row = f"lrs3_msp_omg_test: {name}"
        assert "speaker probe" in {r["metric"] for r in probes if r["row"] == row}, row
    # LRS3 names no emotions, so that a mixture with it has none.
    assert ("emotion probe" in {r["metric"] for r in probes}) == ("without LRS3" in note)
    report = (recipe / "exp/RESULTS.md").read_text()
    titles = [line.removeprefix("## ") for line in report.splitlines() if line.startswith("## ")]
    expected = {table, f"Disentanglement: {table}", f"Disentanglement: {table}: correlations"}
    assert expected | {f"Speaker vectors ({note})"} <= set(titles)
    assert (recipe / "data/lrs3_msp_omg_corpora").read_text() == f"{note}\n"
    [converted] = recipe.glob("exp/p2v_tiny_mfcc_10_sp/griffin_lim*/lrs3_msp_omg_test/*/wav")
    assert len(list(converted.glob("*.wav"))) == NUM_TEST


def test_all_four_and_a_rerun(recipe: Path, corpora: dict[str, Path]):
    run_all_stages(recipe, corpora)
    check_sets(recipe, {"lrs3", "podcast", "improv", "omg"})
    check_report(recipe, ALL)
    speakers = read_table(recipe / "data/lrs3_msp_omg_valid/utt2spk").values()
    assert len({corpus_of(speaker) for speaker in speakers}) > 2

    kept = ("exp/**/*.pth", "exp/**/*.npz", "dump/**/*.flac", "downloads/**/*.flac", "exp/**/*.wav")
    files = [path for pattern in kept for path in recipe.glob(pattern)]
    made, scores = modification_times(files), results(recipe)
    assert {path.suffix for path in files} == {".pth", ".npz", ".flac", ".wav"}
    run(recipe, corpora)
    assert modification_times(files) == made
    assert results(recipe) == scores


@pytest.mark.skipif("RUN_LONG" not in os.environ, reason="takes many minutes: set RUN_LONG=1")
def test_two_are_absent(recipe: Path, corpora: dict[str, Path]):
    run(recipe, corpora, "--stop_stage", "1")  # of which nothing is to be left
    two = {name: corpora[name] for name in ("MSP_IMPROV", "OMG", "OMG_MEDIA")}
    run_all_stages(recipe, two)
    check_sets(recipe, {"improv", "omg"})
    check_report(recipe, TWO)
