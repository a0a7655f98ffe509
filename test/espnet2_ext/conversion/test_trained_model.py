"""Finding what belongs to a trained model."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from reference.tiny_trained import write_trained_model

from espnet2_ext.conversion.trained_model import find_trained_files


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recipe directory that no test changes."""
    root = tmp_path_factory.mktemp("original")
    write_trained_model(root)
    return root


@pytest.fixture
def recipe(original: Path, tmp_path: Path) -> Path:
    """Return a copy of it to break."""
    return shutil.copytree(original, tmp_path / "recipe")


def test_paths_of_the_recipe_hold_from_any_directory(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = recipe / "exp/kmeans/centroids.npz", str(recipe / "exp/speaker_encoder")
    for directory, model in (
        (tmp_path, "recipe/exp/p2v/best.pth"),
        (recipe, "exp/p2v/best.pth"),
        (recipe / "exp/p2v", "best.pth"),
        (Path("/"), str(recipe / "exp/p2v/best.pth")),
    ):
        monkeypatch.chdir(directory)
        files = find_trained_files(model)
        assert (files.centroids, files.speaker_encoder) == expected
        assert files.config["normalize_conf"]["stats_file"] == str(
            recipe / "exp/stats/feats_stats.npz"
        )
        assert files.contrast is None


def test_files_beside_the_weights_go_before_those_of_the_recipe(recipe: Path) -> None:
    own = recipe / "exp/p2v"
    shutil.copy(recipe / "exp/kmeans/centroids.npz", own)
    shutil.move(recipe / "exp/stats/feats_stats.npz", own)
    shutil.move(recipe / "exp/speaker_encoder", own)
    (own / "best.contrast.json").write_text("{}")
    files = find_trained_files(own / "best.pth")
    assert files.centroids == own / "centroids.npz"
    assert files.speaker_encoder == str(own / "speaker_encoder")
    assert files.config["normalize_conf"]["stats_file"] == str(own / "feats_stats.npz")
    assert files.contrast == own / "best.contrast.json"


def test_what_is_given_goes_before_all(recipe: Path) -> None:
    shutil.rmtree(recipe / "dump")
    (recipe / "exp/kmeans/centroids.npz").unlink()
    files = find_trained_files(
        recipe / "exp/p2v/best.pth", centroids="mine.npz", speaker_encoder="owner/name"
    )
    assert (files.centroids, files.speaker_encoder) == (Path("mine.npz"), "owner/name")


def test_a_speaker_encoder_of_the_hub_keeps_its_name(recipe: Path) -> None:
    record = recipe / "dump/org/train/spk_embed.json"
    record.write_text(json.dumps({"source": "owner/name", "model": "owner/name"}))
    assert find_trained_files(recipe / "exp/p2v/best.pth").speaker_encoder == "owner/name"


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("exp/p2v/best.pth", r"best\.pth: no such model"),
        ("exp/p2v/config.yaml", r"config\.yaml: missing; copy it"),
        ("exp/stats/feats_stats.npz", r"feats_stats\.npz: missing; .* copy it beside the weights"),
        ("exp/kmeans/centroids.npz", r"centroids\.npz: missing; give --centroids"),
        ("exp/speaker_encoder", "speaker encoder of the training is missing; give --speaker"),
        ("dump/org/train/spk_embed.json", r"no spk_embed\.json says .* give --speaker_encoder"),
    ],
)
def test_each_missing_file_is_named_with_its_remedy(recipe: Path, missing: str, said: str) -> None:
    shutil.move(recipe / missing, recipe / "elsewhere")
    with pytest.raises(FileNotFoundError, match=said):
        find_trained_files(recipe / "exp/p2v/best.pth")


def test_a_speaker_encoder_trained_anew_is_refused(recipe: Path) -> None:
    with open(recipe / "exp/speaker_encoder/hyperparams.yaml", "a") as stream:
        stream.write("# another\n")
    with pytest.raises(ValueError, match="not the speaker encoder whose vectors"):
        find_trained_files(recipe / "exp/p2v/best.pth")


def test_a_config_of_something_else_is_refused(recipe: Path) -> None:
    config = recipe / "exp/p2v/config.yaml"
    settings = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({**settings, "centroids": None}))
    with pytest.raises(FileNotFoundError, match="names no centroids; give --centroids"):
        find_trained_files(recipe / "exp/p2v/best.pth")
    config.write_text("encoder: conformer\n")
    with pytest.raises(ValueError, match="not the config.yaml of a Prosody2Vec training"):
        find_trained_files(recipe / "exp/p2v/best.pth")
    config.write_text("a: [1")
    with pytest.raises(ValueError, match="not readable as yaml"):
        find_trained_files(recipe / "exp/p2v/best.pth")
