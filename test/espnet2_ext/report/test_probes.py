"""The disentanglement report from a model to a page."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from espnet2_ext.bin import probe
from espnet2_ext.data.directory import subset_data_directory
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.report import probes as probe_report
from espnet2_ext.report.probes import met_in_pretraining, report_probes
from espnet2_ext.report.records import read_records
from espnet2_ext.report.render import render_results

TITLE = "Disentanglement: tiny (synthetic)"


@pytest.fixture
def options(
    probe_data_dir: Path, tmp_path: Path, tiny_model, monkeypatch: pytest.MonkeyPatch
) -> dict:
    """Return options of the command, with a model that needs no training."""
    model_file = tmp_path / "exp/p2v_tiny/best.pth"
    model_file.parent.mkdir(parents=True)
    model_file.write_bytes(b"weights")
    config = {"train_speaker_dir": str(probe_data_dir)}
    (model_file.parent / "config.yaml").write_text(yaml.safe_dump(config))

    class Converter:
        @staticmethod
        def from_file(model_file, train_config, device):
            return SimpleNamespace(model=tiny_model)

    monkeypatch.setattr(probe_report, "Prosody2VecConverter", Converter)
    return {
        "model_file": model_file,
        "data_dirs": probe_data_dir,
        "unit_tag": "tiny",
        "results_path": tmp_path / "exp/results.jsonl",
        "table": TITLE,
    }


def command(options: dict) -> list[str]:
    return [str(part) for key, value in options.items() for part in (f"--{key}", value)]


def test_command_writes_tables_and_figure_and_repeats(
    options: dict, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    probe.main(command(options))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == TITLE
    assert printed[6] == f"{TITLE}: correlations"
    assert (tmp_path / "exp/report/p2v_tiny/parallel_pca.png").stat().st_size > 0
    records = read_records(options["results_path"])
    assert {record.table for record in records} == {
        TITLE, f"{TITLE}: correlations", f"{TITLE}: figures"
    }  # fmt: skip
    assert records[0].protocol.startswith(
        "parallel: 18 of 18 utterances; pretraining met 3 of 3 speakers and 3 of 3 sentences; "
        "model p2v_tiny/best.pth, units tiny; emotion probe: 2 classes"
    )
    values = {(record.row, record.metric): record.value for record in records}
    assert values["parallel: chance", "speaker probe"] == pytest.approx(100 / 3)
    assert values["parallel: speaker vector", "speaker probe"] == 100.0
    assert values["parallel: units", "content probe"] == 100.0
    render_results(options["results_path"], tmp_path / "exp/RESULTS.md")
    page = (tmp_path / "exp/RESULTS.md").read_text()
    assert "![pca by emotion and speaker of parallel](report/p2v_tiny/parallel_pca.png)" in page
    assert f"## {TITLE}\n\n|  | n | emotion probe" in page
    before = options["results_path"].read_bytes()
    probe.main(command(options))
    assert options["results_path"].read_bytes() == before


def test_tables_are_made_anew(options: dict, probe_data_dir: Path, tmp_path: Path) -> None:
    arguments = {**options, "data_dirs": [probe_data_dir], "figure_dir": tmp_path / "figures"}
    report_probes(**arguments)
    some = [key for key in read_table(probe_data_dir / "wav.scp") if not key.startswith("c-")]
    subset_data_directory(probe_data_dir, tmp_path / "pair", some)
    (tmp_path / "pair/utt2emo").unlink()
    arguments["data_dirs"] = [tmp_path / "pair"]
    report_probes(**arguments, projection="tsne")
    records = read_records(options["results_path"])
    assert {record.row.partition(":")[0] for record in records} == {"pair"}
    assert "emotion probe not measurable (no utt2emo)" in records[0].protocol
    figure = records[-1]
    assert (figure.metric, figure.value) == ("tsne by speaker", "../figures/pair_tsne.png")
    assert (tmp_path / "figures/pair_tsne.png").is_file()


def test_what_pretraining_met(options: dict, probe_data_dir: Path, tmp_path: Path) -> None:
    config = options["model_file"].parent / "config.yaml"
    met = met_in_pretraining(config, ["a", "new"], ["sentence 1", "sentence 9", "sentence 8"])
    assert met == "pretraining met 1 of 2 speakers and 1 of 3 sentences"
    (probe_data_dir / "text").unlink()
    met = met_in_pretraining(config, ["a"], ["sentence 1"])
    assert met == "pretraining met 1 of 1 speakers and an unknown number of 1 sentences"
    (probe_data_dir / "wav.scp").unlink()
    assert f"is not known ({probe_data_dir})" in met_in_pretraining(config, ["a"], [])
    config.write_text("{}")
    met = met_in_pretraining(config, ["a"], [])
    assert met == "whom pretraining met is not known (no train_speaker_dir)"


def test_two_directories_of_one_name(options: dict, probe_data_dir: Path) -> None:
    with pytest.raises(ValueError, match="rows need directories of other names"):
        report_probes(**{**options, "data_dirs": [probe_data_dir, probe_data_dir]})


def test_errors_are_one_line(
    options: dict, probe_data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(probe_data_dir / "units_tiny", {"x": "1"})
    with pytest.raises(SystemExit, match="^probe: .*units_tiny: a-0-happy: missing"):
        probe.main(command(options))

    def from_file(model_file: Path, train_config: None, device: str) -> None:
        raise FileNotFoundError(f"{model_file}: no such model; train one first (stage 8)")

    monkeypatch.setattr(probe_report.Prosody2VecConverter, "from_file", from_file)
    with pytest.raises(SystemExit, match="^probe: .*best.pth: no such model; train one first"):
        probe.main(command(options))
