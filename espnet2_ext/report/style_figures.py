"""Figures and audio of a few style transfers of each condition, drawn as the paper draws them."""

import os
from pathlib import Path

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.conversion_list import ListedConversion, read_conversion_list
from espnet2_ext.report.conversion_figure import conversion_figure
from espnet2_ext.report.figure_file import save_figure
from espnet2_ext.report.results import PATH, Record, append_records
from espnet2_ext.vocoder.vocode import write_waveform

PAPER_FIGURES = {
    "cross_lingual": "Fig. 7",
    "speaking_style": "Fig. 8",
    "emotional_style": "Fig. 9",
    "singing": "Fig. 10",
}
"""What each condition corresponds to in [P2V] V; others can be listed too."""


def report_style_figures(
    list_file: str | Path,
    wavs: dict[str, str],
    output_dir: str | Path,
    results_path: str | Path,
    *,
    title: str,
    per_condition: int = 2,
) -> None:
    """Write a figure and the audio of the first conversions of each condition.

    Source: [P2V] Figs. 7 to 10: mel, F0 by Praat, padded to equal length, differences boxed.

    Args:
        list_file: see ``read_conversion_list``.
        wavs: the conversions' audio by name.
        output_dir: of the files.
        results_path: the jsonl, whose page will show them.
        title: of the section.
        per_condition: how many of each condition.

    Raises:
        FileNotFoundError: the list is missing.
        ValueError: one of them is not converted, or an audio file is bad; it is named.
    """
    output_dir, results_path = Path(output_dir), Path(results_path)
    by_condition: dict[str, list[ListedConversion]] = {}
    for each in read_conversion_list(list_file):
        by_condition.setdefault(each.condition, []).append(each)
    records = []
    for condition, conversions in by_condition.items():
        for each in conversions[:per_condition]:
            if each.name not in wavs:
                raise ValueError(
                    f"{list_file}: {each.name} is not converted; run the conversion stage again"
                )
            like = PAPER_FIGURES.get(condition)
            row = f"{each.name} (as [P2V] {like})" if like else each.name
            for what, file in _write(each, wavs[each.name], output_dir).items():
                value = Path(os.path.relpath(file.resolve(), results_path.resolve().parent))
                records.append(
                    Record(title, row, what, value.as_posix(), PATH, 1, each.text, "", "")
                )
    append_records(results_path, records, replace_tables=[title])


def _write(conversion: ListedConversion, converted: str, output_dir: Path) -> dict[str, Path]:
    """Write the files of one conversion and return ``{what: file}``, the figure first."""
    sounds = {"source": conversion.source, "reference": conversion.prosody, "converted": converted}
    waves = {what: read_audio(wav) for what, wav in sounds.items()}
    text = f": “{conversion.text}”" if conversion.text else ""
    heading = f"{conversion.condition}{text}"
    figure = conversion_figure(
        waves["source"], [waves["reference"]], waves["converted"], title=heading
    )
    files = {"mel and F0": output_dir / f"{conversion.name}_mel.png"}
    save_figure(figure, files["mel and F0"])
    for what, wave in waves.items():
        files[what] = output_dir / f"{conversion.name}_{what}.wav"
        write_waveform(files[what], wave)
    return files
