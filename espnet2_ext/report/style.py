"""How good are style transfers: the table of their scores, and figures with audio of a few."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.conversion_list import ListedConversion, read_conversion_list
from espnet2_ext.data.tables import require_keys
from espnet2_ext.metrics.conversion import SCORES, measure_files
from espnet2_ext.metrics.statistics import Crossing
from espnet2_ext.metrics.style import (
    ROWS,
    StyleScore,
    jobs_of,
    score_style,
    write_style_scores,
)
from espnet2_ext.report.figures import conversion_figure, example_records
from espnet2_ext.report.records import (
    Record,
    Row,
    append_records,
    columns_of,
    environment_records,
    records_of,
    relative_path,
)

PAPER_FIGURES = {
    "cross_lingual": "Fig. 7",
    "speaking_style": "Fig. 8",
    "emotional_style": "Fig. 9",
    "singing": "Fig. 10",
}
"""What each condition corresponds to in [P2V] V; others can be listed too."""


def report_style_scores(
    list_file: str | Path,
    wavs: Mapping[str, str],
    cut: dict[str, bool],
    out_dir: str | Path,
    results_path: str | Path,
    *,
    centroids_path: str | Path,
    table: str,
    protocol: str,
    vocoder: str = "griffin_lim",
    f0_method: str = "dio",
    num_workers: int = 1,
    device: str = "cpu",
) -> None:
    """Score the conversions of a list, write ``scores.tsv`` and add a table to the jsonl.

    ``wavs`` are the conversions and ``cut`` whether the model found no end, by name.
    """
    conversions = read_conversion_list(list_file)
    _require(list_file, conversions, wavs)
    measures = measure_files(
        jobs_of(conversions, dict(wavs)),
        centroids_path=centroids_path,
        vocoder=vocoder,
        f0_method=f0_method,
        with_tracks=False,
        num_workers=num_workers,
        device=device,
    )
    scores = score_style(conversions, dict(wavs), cut, measures)
    write_style_scores(Path(out_dir) / SCORES, scores)
    records = summarise_style(
        scores,
        table=table,
        protocol=f"{protocol}, vocoder {vocoder}, F0 by {f0_method}",
        f0_method=f0_method,
        source=relative_path(Path(out_dir) / SCORES, results_path),
    )
    append_records(results_path, [*environment_records(device), *records], replace_tables=[table])


def _require(
    list_file: str | Path, conversions: Sequence[ListedConversion], wavs: Mapping[str, str]
) -> None:
    names = (each.name for each in conversions)
    require_keys(f"conversions of {list_file}", wavs, names, "run the conversion stage again")


def summarise_style(
    scores: Sequence[StyleScore], *, table: str, protocol: str, f0_method: str, source: str = ""
) -> list[Record]:
    """Return the records by condition, in the order of the scores, and rows in that of ROWS."""
    columns = columns_of("style", f0_method)
    records = []
    for condition in dict.fromkeys(score.condition for score in scores):
        for name in ROWS:
            of_row = [s for s in scores if (s.condition, s.row) == (condition, name)]
            shared = Crossing(
                [score.source or score.name for score in of_row],
                [score.reference or score.name for score in of_row],
                "sources",
                "references",
            )
            row = Row(f"{condition}, {name}", of_row, protocol, shared, source)
            records += records_of(columns, [row], table=table)
    return records


def report_style_figures(
    list_file: str | Path,
    wavs: Mapping[str, str],
    output_dir: str | Path,
    results_path: str | Path,
    *,
    title: str,
    per_condition: int,
) -> None:
    """Write a figure and the audio of the first conversions of each condition.

    Source: [P2V] Figs. 7 to 10. ValueError if one of them is not converted, or audio is bad.
    """
    by_condition: dict[str, list[ListedConversion]] = {}
    for each in read_conversion_list(list_file):
        by_condition.setdefault(each.condition, []).append(each)
    records = []
    for condition, conversions in by_condition.items():
        shown = conversions[:per_condition]
        _require(list_file, shown, wavs)
        for each in shown:
            paths = {"source": each.source, "reference": each.prosody, "converted": wavs[each.name]}
            waves = {what: read_audio(path) for what, path in paths.items()}
            heading = f"{condition}: “{each.text}”" if each.text else condition
            figure = conversion_figure(
                waves["source"], [waves["reference"]], waves["converted"], title=heading
            )
            row = each.name
            if condition in PAPER_FIGURES:
                row += f" (as [P2V] {PAPER_FIGURES[condition]})"
            prefix = Path(output_dir) / each.name
            records += example_records(
                prefix, {"mel and F0": figure}, waves, title, row, each.text, results_path
            )
    append_records(results_path, records, replace_tables=[title])
