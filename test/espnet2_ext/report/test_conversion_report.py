"""Examples: figures, audio and the records that show them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.figure import Figure

from espnet2_ext.bin import report as command_line
from espnet2_ext.data.tables import write_table
from espnet2_ext.report import conversion as conversion_report
from espnet2_ext.report import figures
from espnet2_ext.report.conversion import report_conversion
from espnet2_ext.report.records import read_records
from espnet2_ext.report.render import render_results


def report(files, tmp_path: Path, **options) -> None:
    report_conversion(
        files.inference_dir,
        files.data_dir,
        files.pairs_dir,
        tmp_path / "exp/report",
        tmp_path / "exp/results.jsonl",
        title="Examples (synthetic)",
        **options,
    )


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, where only files and records matter: layout takes seconds."""
    monkeypatch.setattr(conversion_report, "mel_figure", lambda panels, title: Figure())
    monkeypatch.setattr(conversion_report, "attention_figure", lambda weights, title: Figure())


def test_every_condition_has_its_first_pair(
    conversion_files, plain_figures: None, tmp_path: Path
) -> None:
    write_table(conversion_files.pairs_dir / "conditions", {"a": "same", "b": "same"})
    report(conversion_files, tmp_path)
    names = sorted(path.name for path in (tmp_path / "exp/report").iterdir())
    assert names == [
        "a_attention.png", "a_converted.wav", "a_mel.png",
        "a_reference.wav", "a_source.wav", "a_true_target.wav",
    ]  # fmt: skip
    assert soundfile.info(tmp_path / "exp/report/a_reference.wav").duration == 0.75  # spk-t2.
    assert soundfile.info(tmp_path / "exp/report/a_true_target.wav").duration == 0.4  # spk-t1.


def test_the_page_links_files_that_exist(
    conversion_files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {
        "inference_dir": conversion_files.inference_dir,
        "data_dir": conversion_files.data_dir,
        "pairs_dir": conversion_files.pairs_dir,
        "output_dir": tmp_path / "exp/report",
        "results_path": tmp_path / "exp/results.jsonl",
        "title": "Examples (synthetic)",
    }
    command = ["conversion"]
    command += [str(part) for key, value in options.items() for part in (f"--{key}", value)]
    command_line.main(command)
    records = read_records(tmp_path / "exp/results.jsonl")
    assert len(records) == 12
    assert all((tmp_path / "exp" / str(record.value)).is_file() for record in records)
    render_results(tmp_path / "exp/results.jsonl", tmp_path / "exp/RESULTS.md")
    text = (tmp_path / "exp/RESULTS.md").read_text()
    assert "### neutral-sad\n\ntext of spk-s2\n\n![mel and F0 of neutral-sad](report/b_mel" in text
    before = (tmp_path / "exp/results.jsonl").read_bytes()
    monkeypatch.setattr(figures, "save_figure", lambda figure, path: None)
    command_line.main(command)
    assert (tmp_path / "exp/results.jsonl").read_bytes() == before


def test_training_curves_are_shown_if_asked_for(
    conversion_files, plain_figures: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves = {"train": {"mel_loss": np.ones((3, 2))}}
    monkeypatch.setattr(conversion_report, "read_curves", lambda train_dir: curves)
    report(conversion_files, tmp_path, train_dir=tmp_path / "exp/p2v_mini")
    last = read_records(tmp_path / "exp/results.jsonl")[-1]
    assert (last.table, last.row, last.value) == ("Training", "p2v_mini", "report/training.png")
    assert (tmp_path / "exp/report/training.png").is_file()


def test_a_run_without_curves_is_told(
    conversion_files, plain_figures: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report(conversion_files, tmp_path, train_dir=tmp_path / "exp/p2v_mini")
    assert "no training curves: " in caplog.text
    tables = {record.table for record in read_records(tmp_path / "exp/results.jsonl")}
    assert tables == {"Examples (synthetic)"}


def test_data_without_texts_are_fine(conversion_files, plain_figures: None, tmp_path: Path) -> None:
    (conversion_files.data_dir / "text").unlink()
    report(conversion_files, tmp_path)
    assert {record.definition for record in read_records(tmp_path / "exp/results.jsonl")} == {""}


def test_names_what_a_table_lacks(conversion_files, tmp_path: Path) -> None:
    write_table(conversion_files.pairs_dir / "targets", {"b": "spk-t2"})
    with pytest.raises(ValueError, match="targets: lacks a; run the stage"):
        report(conversion_files, tmp_path)
    (conversion_files.pairs_dir / "targets").unlink()
    with pytest.raises(FileNotFoundError, match="targets"):
        report(conversion_files, tmp_path)
