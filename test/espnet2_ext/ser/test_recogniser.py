"""Finding what ser.sh left, from any directory."""

import json
from pathlib import Path

import pytest
import yaml

from espnet2_ext.data.tables import write_table
from espnet2_ext.ser.recogniser import find_recognisers, voices_text

DONE = {"fingerprint": "x", "fold": "f", "fold_hash": "h", "seed": 0, "num_train": 2}
DONE |= {"criterion": "ua", "epoch": 1, "test_selected_epoch": 1}
FOLDS = {"fold_1": ("a-1 b-1", "c-1"), "fold_2": ("a-1", "b-1")}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a recipe with two finished folds of one seed and one that is not finished."""
    speakers = {"a-1": "a", "b-1": "b", "c-1": "c", "d-1": "d"}
    write_table(tmp_path / "dump/raw/set/utt2spk", speakers)
    for name in ("encoder/config.yaml", "stats.npz"):
        (tmp_path / "exp" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "exp" / name).write_text("")
    for fold, (train, valid) in {**FOLDS, "fold_3": ("d-1", "d-1")}.items():
        run = Path("exp/ser_p2v/loso", fold, "seed_0")
        (tmp_path / run).mkdir(parents=True)
        config = {
            "output_dir": str(run),
            "prosody_encoder_dir": "exp/encoder",
            "upstream": "hubert_base",
            "normalize_conf": {"stats_file": "exp/stats.npz"},
            "train_data_path_and_name_and_type": [
                ["exp/feats.scp", "feats", "npy"], ["dump/raw/set/utt2emo", "emotion", "text"]
            ],
        }  # fmt: skip
        (tmp_path / run / "config.yaml").write_text(yaml.safe_dump(config))
        for criterion in ("ua", "acc"):
            (tmp_path / run / f"valid.{criterion}.best.pth").write_text("")
        for part, names in (("train", train), ("valid", valid)):
            table = dict.fromkeys(names.split(), "4000")
            write_table(tmp_path / run / f"lists/{part}_shape", table)
        if fold != "fold_3":
            (tmp_path / run / "result.json").write_text(json.dumps(DONE))
    return tmp_path


def test_a_folder_means_all_finished_trainings_in_it(recipe: Path) -> None:
    for folder, folds in (("exp/ser_p2v", [1, 2]), ("exp/ser_p2v/loso/fold_2", [2])):
        found = find_recognisers(recipe / folder)
        assert [files.model_file for files in found] == [
            recipe / f"exp/ser_p2v/loso/fold_{fold}/seed_0/valid.ua.best.pth" for fold in folds
        ]


def test_a_file_is_itself_and_its_paths_hold_anywhere(recipe: Path, monkeypatch) -> None:
    monkeypatch.chdir(recipe / "exp")
    [files] = find_recognisers("../exp/ser_p2v/loso/fold_1/seed_0/valid.acc.best.pth")
    assert Path(files.config["prosody_encoder_dir"]).resolve() == recipe / "exp/encoder"
    statistics = files.config["normalize_conf"]["stats_file"]
    assert Path(statistics).resolve() == recipe / "exp/stats.npz"
    assert files.config["upstream"] == "hubert_base", "a name stays a name"


def test_voices_are_those_of_training_and_validation(recipe: Path) -> None:
    found = find_recognisers(recipe / "exp")
    assert [files.voices() for files in found] == [{"a", "b", "c"}, {"a", "b"}]
    assert voices_text(found, {"x", "y"}) == "trained on 3 voices, none of the 2 they evaluate"
    assert "WERE TRAINED ON 1 of the 2 voices" in voices_text(found, {"c", "y"})


def test_voices_that_are_not_known_are_called_so(recipe: Path) -> None:
    (recipe / "dump/raw/set/utt2spk").unlink()
    assert voices_text(find_recognisers(recipe / "exp"), {"x"}).endswith("are not known")


def test_nothing_finished_and_files_that_are_gone_are_errors(recipe: Path) -> None:
    with pytest.raises(FileNotFoundError, match="fold_3: no finished recogniser; train one first"):
        find_recognisers(recipe / "exp/ser_p2v/loso/fold_3")
    run = recipe / "exp/ser_p2v/loso/fold_1/seed_0"
    config = yaml.safe_load((run / "config.yaml").read_text())
    del config["prosody_encoder_dir"]
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    (recipe / "exp/stats.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"stats\.npz: named in .*config\.yaml"):
        find_recognisers(run)
    (run / "config.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.yaml: missing"):
        find_recognisers(run)
