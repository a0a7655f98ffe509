"""How much damage to its source a conversion bears: every condition, a table, a figure."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from espnet2_ext.report.environment import environment_records, git_commit
from espnet2_ext.report.figure_file import save_figure
from espnet2_ext.report.results import PATH, Record, append_records
from espnet2_ext.report.robustness_conditions import NOISES, Condition, study_conditions
from espnet2_ext.report.robustness_figure import robustness_figure
from espnet2_ext.report.robustness_results import ConditionResult, robustness_records
from espnet2_ext.report.robustness_run import ConditionRunner, ConversionSettings
from espnet2_ext.report.robustness_set import choose_pairs, read_study_set

DAMAGE = (
    "damaged is the source alone, prosody reference and speaker vector are of clean audio; a "
    "replaced unit becomes any other but its neighbours, a dropped one is gone; SNR over active "
    "speech (20 ms frames within 30 dB of the strongest), babble of 6 utterances by other "
    "speakers; rooms are exponentially decaying noise as strong as the direct sound"
)


def report_robustness(
    settings: ConversionSettings,
    *,
    data_dir: str | Path,
    pairs_dir: str | Path,
    unit_tag: str,
    results_path: str | Path,
    table: str,
    out_dir: str | Path,
    shares: Iterable[float] = (0.0, 0.05, 0.1, 0.2, 0.4),
    snrs_db: Iterable[float] = (30.0, 20.0, 10.0, 0.0),
    rt60s_s: Iterable[float] = (0.3, 0.6),
    noises: Iterable[str] = NOISES,
    max_pairs: int | None = None,
) -> list[Record]:
    """Convert damaged sources, score them and add rows and a figure to ``results.jsonl``.

    Conditions are the clean source; a share of its units replaced or dropped; white noise,
    babble or reverberation in its audio. A rerun keeps the conditions that are complete.

    Source: [P2V] V-E, which tells in words of a few units replaced or removed, and names
    noise and reverberation as the next thing to try.
    Deviation: shares, noises, rooms and all numbers are not in paper.

    Args:
        settings: model, centroids, vocoder ...
        data_dir: see ``read_study_set``.
        pairs_dir: see ``choose_pairs``.
        unit_tag: which ``units_<tag>``.
        results_path: the jsonl.
        table: title; says ``synthetic`` where the data are.
        out_dir: gets ``pairs/``, a folder a condition and ``robustness.png``.
        shares: of units.
        snrs_db: of each noise.
        rt60s_s: reverberation times in seconds.
        noises: ``white``, ``babble`` or both.
        max_pairs: evenly chosen; None takes all.

    Returns:
        The records of the table.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: an amount is impossible, tables disagree, or a source cannot be damaged.
    """
    conditions = study_conditions(shares, snrs_db, rt60s_s, noises)
    out_dir = Path(out_dir)
    chosen, listed = choose_pairs(pairs_dir, out_dir / "pairs", max_pairs)
    study = read_study_set(data_dir, unit_tag, out_dir / "pairs")
    results = _run_all(ConditionRunner(study, out_dir / "pairs", out_dir, settings), conditions)
    restored = str(bool(settings.contrast_data_dir)).lower()
    protocol = (
        f"{chosen} of {listed} pairs of {pairs_dir} ({len(study.sources)} sources), model "
        f"{settings.model_file}, contrast restored: {restored}; {DAMAGE}; "
        f"seed {settings.seed}; units {unit_tag}, vocoder {settings.vocoder}, F0 by dio"
    )
    records = robustness_records(results, table=table, protocol=protocol, commit=git_commit())
    figure = out_dir / "robustness.png"
    save_figure(robustness_figure(conditions, records, f"{table}, {chosen} pairs"), figure)
    title = f"Figure: {table}"
    shown = _figure_record(title, figure, Path(results_path))
    append_records(results_path, [*environment_records(settings.device), *records])
    append_records(results_path, [shown], replace_tables=[title])
    return records


def _run_all(runner: ConditionRunner, conditions: Sequence[Condition]) -> list[ConditionResult]:
    """Return the results of all conditions, under a bar that says which one runs."""
    results = []
    with tqdm(conditions, desc="conditions", dynamic_ncols=True) as bar:
        for condition in bar:
            bar.set_postfix_str(condition.row)
            results.append(runner.run(condition))
    return results


def _figure_record(title: str, figure: Path, results_path: Path) -> Record:
    """Return the record that makes the page show the figure."""
    value = os.path.relpath(figure.resolve(), results_path.resolve().parent)
    caption = "Worse to the right; bars are 95 % intervals as in the table, dotted what went in."
    return Record(title, "robustness", "metrics", Path(value).as_posix(), PATH, 1, caption, "", "")
