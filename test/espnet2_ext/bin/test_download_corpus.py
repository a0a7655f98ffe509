"""The command that downloads a corpus: it prints the folder, or one line of what is wrong."""

from pathlib import Path

import pytest

from espnet2_ext.bin.download_corpus import main
from espnet2_ext.corpora import download as open_corpora
from espnet2_ext.corpora.download import DownloadError


def test_folder_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch):
    def fetch(folder: Path, num_workers: int) -> None:
        (folder / "workers").write_text(str(num_workers))

    monkeypatch.setitem(open_corpora.OPEN_CORPORA, "ravdess", fetch)
    folder = tmp_path / "r"
    main(["--corpus", "ravdess", "--out_dir", str(folder), "--num_workers", "3"])
    assert capsys.readouterr().out == f"{folder}\n"
    assert (folder / "workers").read_text() == "3"


def test_failure_is_one_line(tmp_path: Path, monkeypatch):
    def fail(folder: Path, num_workers: int) -> None:
        raise DownloadError("https://x: cannot be reached")

    monkeypatch.setitem(open_corpora.OPEN_CORPORA, "crema_d", fail)
    with pytest.raises(SystemExit, match="^download_corpus: https://x: cannot be reached$"):
        main(["--corpus", "crema_d", "--out_dir", str(tmp_path / "c")])
    assert not (tmp_path / "c").exists()


def test_unknown_corpus_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit):
        main(["--corpus", "x", "--out_dir", str(tmp_path / "x")])
    assert "invalid choice: 'x'" in capsys.readouterr().err
