"""How good are style transfers: the table of their scores, and figures with audio of a few."""

from collections.abc import Callable, Sequence
from pathlib import Path

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.conversion_list import ListedConversion, read_conversion_list
from espnet2_ext.metrics.pitch import describe_f0
from espnet2_ext.metrics.statistics import Crossing
from espnet2_ext.metrics.style import (
    ROWS,
    Difference,
    StyleScore,
    jobs_of,
    measure_recordings,
    score_style,
    write_style_scores,
)
from espnet2_ext.report.figures import conversion_figure, save_figure
from espnet2_ext.report.records import (
    Column,
    Record,
    Row,
    append_records,
    environment_records,
    file_record,
    git_commit,
    records_of,
    relative_path,
)
from espnet2_ext.vocoder.vocode import write_waveform

# ---------------------------------------------------------------- style results

SCORES = "scores.tsv"


def _of(group: str, name: str) -> Callable[[StyleScore], float | None]:
    def value(score: StyleScore) -> float | None:
        difference: Difference | None = getattr(score, group)
        return None if difference is None else getattr(difference, name)

    return value


_F0_MEAN = (
    "of mean F0 over voiced frames, in percent of the {}'s; 100 % for a recording without a "
    "voiced frame; "
)
_F0_STD = "of the standard deviation of F0 over voiced frames to the {}'s; "
_TEMPO = (
    "of seconds a unit, in percent of the {}'s: the length of each recording over the number of "
    "its own de-duplicated units, silences included"
)
_LENGTH = "of the length, in percent of the {}'s, whose words are the same"
_ENERGY = (
    "of the level to the {}'s, as the mean power of the 20 ms frames within 30 dB of the strongest"
)


def _to_reference(name: str, field: str, unit: str, text: str) -> Column[StyleScore]:
    definition = f"|difference| {text.format('reference')}; mean over conversions."
    return Column(f"{name} to reference", _of("to_reference", field), unit, "lower", definition)


def _from_source(name: str, field: str, unit: str, text: str) -> Column[StyleScore]:
    definition = (
        f"|difference| {text.format('source')}; mean over conversions: how far it moved, in "
        "whichever direction."
    )
    return Column(f"{name} from source", _of("from_source", field), unit, "", definition)


_CONTOUR = (
    "Pearson correlation with the reference's F0 contour in semitones: {}; frames over 9 semitones "
    "off the median left out, running median of 55 ms, each from its first to its last voiced "
    "frame, bridged where unvoiced, stretched linearly to the same length; 0 without a voiced "
    "frame. Words differ, so only a sung melody, or pitch that falls as it does in every "
    "statement, can correlate for a reason; 'other reference' is what contours of the "
    "condition share without one."
)


def style_metrics(f0_method: str = "dio") -> tuple[Column[StyleScore], ...]:
    """Return the columns in their order.

    Args:
        f0_method: by which F0 was measured, see ``f0_contour``.
    """
    f0 = describe_f0(f0_method)
    return (
        _to_reference("F0 mean", "f0_percent", "%", _F0_MEAN + f0),
        _to_reference("F0 std", "f0_std_hz", "Hz", _F0_STD + f0),
        _to_reference("tempo", "unit_s_percent", "%", _TEMPO),
        _to_reference("energy", "level_db", "dB", _ENERGY),
        _from_source("F0 mean", "f0_percent", "%", _F0_MEAN + f0),
        _from_source("F0 std", "f0_std_hz", "Hz", _F0_STD + f0),
        _from_source("tempo", "unit_s_percent", "%", _TEMPO),
        _from_source("length", "length_percent", "%", _LENGTH),
        _from_source("energy", "level_db", "dB", _ENERGY),
        Column(
            "contour correlation",
            lambda score: score.contour_correlation,
            "",
            "higher",
            _CONTOUR.format(f0),
        ),
        *_OTHERS,
    )


_OTHERS: tuple[Column[StyleScore], ...] = (
    Column(
        "unit error rate",
        lambda score: score.unit_error_rate,
        "",
        "lower",
        "edits between the units of the speech and the source's units, both de-duplicated, per "
        "unit of the source; mean over conversions.",
    ),
    Column(
        "unvoiced",
        lambda score: score.unvoiced,
        "count",
        "lower",
        "recordings without a voiced frame.",
        is_count=True,
    ),
    Column(
        "cut",
        lambda score: score.cut,
        "count",
        "lower",
        "conversions in which a stretch of speech was ended by the limit on length, not by the "
        "stop token.",
        is_count=True,
    ),
)


def report_style_scores(
    list_file: str | Path,
    wavs: dict[str, str],
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

    Args:
        list_file: see ``read_conversion_list``.
        wavs: the conversions' audio by name.
        cut: whether the model found no end, by name.
        out_dir: gets ``scores.tsv``, from which the table can be rebuilt.
        results_path: the jsonl.
        centroids_path: of the model's units.
        table: title; what it held before goes.
        protocol: what was converted with what; settings of the metrics are added.
        vocoder: of resynthesis; the one the conversions were made with.
        f0_method: see ``f0_contour``.
        num_workers: processes; 1 with a GPU.
        device: of the unit upstream and of a HiFi-GAN.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a conversion is missing, or a recording cannot be compared with.
    """
    conversions = read_conversion_list(list_file)
    lacking = [each.name for each in conversions if each.name not in wavs]
    if lacking:
        raise ValueError(
            f"{list_file}: {lacking[0]} is not converted ({len(lacking)} are not); run the "
            "conversion stage again"
        )
    measures = measure_recordings(
        jobs_of(conversions, wavs),
        centroids_path=centroids_path,
        vocoder=vocoder,
        f0_method=f0_method,
        num_workers=num_workers,
        device=device,
    )
    scores = score_style(conversions, wavs, cut, measures)
    write_style_scores(Path(out_dir) / SCORES, scores)
    settings = f"{protocol}, vocoder {vocoder}, F0 by {f0_method}"
    records = summarise_style(
        scores,
        table=table,
        protocol=settings,
        commit=git_commit(),
        f0_method=f0_method,
        source=relative_path(Path(out_dir) / SCORES, results_path),
    )
    append_records(results_path, [*environment_records(device), *records], replace_tables=[table])


def summarise_style(
    scores: Sequence[StyleScore],
    *,
    table: str,
    protocol: str,
    commit: str,
    f0_method: str = "dio",
    source: str = "",
) -> list[Record]:
    """Return a record for each condition, row and metric that the row has.

    Conditions stand in the order of the scores, rows in that of ROWS.

    Args:
        scores: of all rows.
        table: title.
        protocol: see ``Record``.
        commit: of the code.
        f0_method: by which F0 was measured.
        source: see ``Record``.

    Raises:
        ValueError: a value is there for some conversions of a row but not for all.
    """
    rows = []
    for condition in dict.fromkeys(score.condition for score in scores):
        for name in ROWS:
            of_row = [s for s in scores if (s.condition, s.row) == (condition, name)]
            shared = Crossing(
                [score.source or score.name for score in of_row],
                [score.reference or score.name for score in of_row],
                "sources",
                "references",
            )
            rows.append(Row(f"{condition}, {name}", of_row, protocol, shared, source))
    columns = style_metrics(f0_method)
    records = records_of(columns, rows, table=table, commit=commit)
    rank = {row.name: number for number, row in enumerate(rows)}
    return sorted(records, key=lambda record: rank[record.row])


# ---------------------------------------------------------------- style figures
# Figures and audio of a few style transfers of each condition, drawn as the paper draws them.

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
                records.append(file_record(title, row, what, file, each.text, results_path))
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
