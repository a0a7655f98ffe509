"""A corpus's folder appears when all of it is there, and is then left alone."""

from pathlib import Path

import pytest
from reference.archives import tree

from espnet2_ext.corpora import download as open_corpora
from espnet2_ext.corpora.catalogue import CORPORA
from espnet2_ext.corpora.download import OPEN_CORPORA, download_corpus


def test_folder_appears_when_all_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def fetch(folder: Path, num_workers: int) -> None:
        asked.append((folder.name, num_workers))
        (folder / f"file_{len(asked)}").touch()
        if len(asked) == 1:
            raise ValueError("damaged")

    monkeypatch.setitem(open_corpora.OPEN_CORPORA, "ravdess", fetch)
    folder = tmp_path / "downloads/ravdess"
    with pytest.raises(ValueError, match="damaged"):
        download_corpus("ravdess", folder)
    assert list(tree(tmp_path)) == ["downloads/ravdess.part/file_1"]
    for _ in range(2):
        assert download_corpus("ravdess", folder, num_workers=3) == folder
        assert sorted(tree(tmp_path)) == ["downloads/ravdess/file_1", "downloads/ravdess/file_2"]
    assert asked == [("ravdess.part", 4), ("ravdess.part", 3)]


def test_unknown_corpus(tmp_path: Path):
    with pytest.raises(ValueError, match="corpus 'x': not known; give one of crema_d, emodb, emo"):
        download_corpus("x", tmp_path / "x")


def test_catalogue_says_what_can_be_downloaded():
    said = {name for name, each in CORPORA.items() if "bin/prepare download" in each.how_to_get}
    assert said == set(OPEN_CORPORA)
