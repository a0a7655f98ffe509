"""Tables and figures of an experiment's trainings, from the files that they left."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from espnet2_ext.data.table import read_table
from espnet2_ext.metrics.ser import confusion_matrix
from espnet2_ext.metrics.ser_predictions import read_predictions, write_predictions
from espnet2_ext.report.confusion_figure import confusion_figure
from espnet2_ext.report.environment import environment_records, git_commit
from espnet2_ext.report.figure_file import save_figure
from espnet2_ext.report.published_ser_later import published_records
from espnet2_ext.report.results import PATH, Record, append_records
from espnet2_ext.report.ser_comparison import comparison_records
from espnet2_ext.report.ser_fold import FoldResult
from espnet2_ext.report.ser_results import ser_records
from espnet2_ext.report.ser_systems import SystemScores
from espnet2_ext.ser.fold_run import LAST, FoldRun, RunResult
from espnet2_ext.ser.pretraining_data import pretraining_status
from espnet2_ext.tasks.ser_experiment import ProtocolRuns, System, list_runs

logger = logging.getLogger(__name__)

SELECTIONS = {
    "acc": "epoch of the best validation WA",
    "ua": "epoch of the best validation UA",
    "loss": "epoch of the lowest validation loss",
    LAST: "last epoch, the protocol validating on nothing",
}


def report_experiment(
    systems: Sequence[System],
    protocols: Sequence[ProtocolRuns],
    expdir: str | Path,
    emotions: Sequence[str],
    *,
    title: str,
    utt2spk: str | Path,
    comparisons: Sequence[Sequence[str]] = (),
    with_published: bool = False,
    notes: str = "",
    units: str = "",
) -> list[Record]:
    """Add tables and figures to ``<expdir>/results.jsonl`` and return the tables' records.

    Beside them, ``<expdir>/ser_<system>/<protocol>/predictions_seed_<s>.tsv`` gets the
    test predictions of every fold, from which all can be computed again.

    Args:
        systems: rows.
        protocols: one table each.
        expdir: of the trainings.
        emotions: classes in their order.
        title: of the tables, before the protocol; says ``synthetic`` where the data are.
        utt2spk: speakers, which the intervals draw; where ``text`` lies beside it, sentences too.
        comparisons: tags (A, B) of systems to test against each other.
        with_published: add a table of figures from the literature for each protocol.
        notes: what the protocol's text must say besides.
        units: size of the pretrained model's vocabulary, where names of rows have ``{units}``.

    Raises:
        ValueError: a training is not complete, or a comparison names no system.
        OSError: a file cannot be read or written.
    """
    expdir, commit = Path(expdir), git_commit()
    text = Path(utt2spk).with_name("text")
    drawn = {
        "utt2spk": read_table(Path(utt2spk)),
        "texts": read_table(text) if text.is_file() else None,
    }
    records: list[Record] = []
    for protocol in protocols:
        scores = {
            system.tag: collect_system(system, protocol, expdir, emotions, notes, units)
            for system in systems
        }
        table = f"{title}, {protocol.tag}"
        records += ser_records(list(scores.values()), table=table, commit=commit, **drawn)
        pairs = [_pair(scores, names) for names in comparisons]
        if pairs:
            records += comparison_records(
                pairs, table=f"{table}: comparisons", commit=commit, **drawn
            )
        if with_published:
            records += published_records(
                [protocol.folds.protocol], table=f"Published, {protocol.folds.protocol}"
            )
        for tag, system_scores in scores.items():
            records += _write_files(system_scores, expdir, tag, protocol.tag, emotions, table)
    append_records(expdir / "results.jsonl", [*environment_records(), *records])
    return records


def collect_system(
    system: System,
    protocol: ProtocolRuns,
    expdir: Path,
    emotions: Sequence[str],
    notes: str = "",
    units: str = "",
) -> SystemScores:
    """Return all folds and seeds of a system.

    Raises:
        ValueError: a training is not complete, or its folds were others.
    """
    settings = yaml.safe_load(system.config.read_text(encoding="utf-8")) or {}
    criterion = settings.get("best_model_criterion", [["valid", "acc", "max"]])[0][1]
    if not any(fold.valid for fold in protocol.folds.folds):
        criterion = LAST
    runs, lists = list_runs([system], [protocol], expdir, emotions), protocol.folds
    deviation = lists.deviation and f"deviation: {lists.deviation}"
    return SystemScores(
        name=_comment(system.config, "row", units) or system.tag,
        protocol=lists.protocol,
        folds=[_fold(run) for run in runs],
        selection=SELECTIONS[criterion],
        train_limit=lists.max_train,
        paper_system=_comment(system.config, "paper row", units),
        notes="; ".join(part for part in (notes, deviation, *lists.leak_check) if part),
        pretraining=pretraining_status(
            settings | _trained_with(runs[0]),
            checked=lists.pretraining_checked,
            model_sha256=lists.model_sha256,
        ),
    )


def _trained_with(run: FoldRun) -> dict[str, Any]:
    """Return the options of a training, defaults and those of the command line included."""
    path = run.directory / "config.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _comment(config: Path, key: str, units: str) -> str | None:
    """Return what a ``# <key>: <text>`` line of a configuration says, with ``{units}`` put in."""
    for line in config.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"# {key}:"):
            return line.split(":", 1)[1].strip().replace("{units}", units)
    return None


def _fold(run: FoldRun) -> FoldResult:
    """Return the test of one training.

    Raises:
        ValueError: it is not complete, or its lists were others.
    """
    result = RunResult.read(run.directory)
    if result is None:
        raise ValueError(f"{run.directory}: not trained to the end; run the training stage again")
    if result.fold_hash != run.fold_hash:
        raise ValueError(f"{run.directory}: trained on other lists; run the training stage again")
    folder = run.directory / "predictions"
    return FoldResult(
        fold=run.fold.name,
        seed=run.seed,
        predictions=read_predictions(folder / f"test.{result.epoch}ep.tsv"),
        num_train=result.num_train,
        fold_hash=result.fold_hash,
        test_selected=read_predictions(folder / f"test.{result.test_selected_epoch}ep.tsv"),
    )


def _pair(
    scores: Mapping[str, SystemScores], names: Sequence[str]
) -> tuple[SystemScores, SystemScores]:
    """Return the two systems of a comparison, each under the seeds that both have.

    Raises:
        ValueError: they are not two, one of them is not there, or they share no seed.
    """
    if len(names) != 2:
        raise ValueError(f"comparison {':'.join(names)}: expected A:B, as p2v:fbank")
    for name in names:
        if name not in scores:
            raise ValueError(
                f"comparison {':'.join(names)}: no system {name!r} among {', '.join(scores)}"
            )
    first, second = (scores[name] for name in names)
    shared = set(first.seeds) & set(second.seeds)
    if not shared:
        raise ValueError(f"comparison {':'.join(names)}: the two share no seed")
    return first.under(shared), second.under(shared)


def _write_files(
    scores: SystemScores, expdir: Path, tag: str, protocol: str, emotions: Sequence[str], table: str
) -> list[Record]:
    """Write predictions and confusions of a system; return the figure's record."""
    folder = expdir / f"ser_{tag}" / protocol
    for seed in scores.seeds:
        every = [p for fold in scores.folds if fold.seed == seed for p in fold.predictions]
        write_predictions(folder / f"predictions_seed_{seed}.tsv", every)
    predictions = list(scores.predictions())
    counts = confusion_matrix(
        [each.emotion for each in predictions], [each.predicted for each in predictions], emotions
    )
    figure = confusion_figure(counts, emotions, f"{scores.name}, {protocol}")
    save_figure(figure, folder / "confusion.png", dpi=100)
    return [
        Record(
            table=f"{table}: confusion",
            row=scores.name,
            metric="confusion",
            value=f"ser_{tag}/{protocol}/confusion.png",
            unit=PATH,
            n=len(predictions),
            definition="rows: reference; all folds and seeds together.",
            protocol="",
            commit="",
        )
    ]
