"""From the files of listeners to records and figures."""

import re
from collections.abc import Sequence
from operator import methodcaller
from pathlib import Path

from matplotlib.figure import Figure

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.listening.design import ListeningTest, read_key
from espnet2_ext.listening.manifest import EMOTION, KINDS, SIMILARITY
from espnet2_ext.listening.results import EXCLUDED, Collection, collect_results, write_excluded
from espnet2_ext.listening.scores import SystemScore, agreement, confusion, score_kind
from espnet2_ext.report.figures import confusion_figure, save_figure, signed, similarity_figure
from espnet2_ext.report.records import (
    Column,
    Estimate,
    Record,
    Row,
    append_records,
    columns_of,
    file_record,
    records_of,
    relative_path,
)

ANSWERS = "answers.tsv"
NAMES = {SIMILARITY: "emotion similarity", EMOTION: "emotion recognised"}


def report_listening(
    key_path: str | Path,
    result_dir: str | Path,
    output_dir: str | Path,
    results_path: str | Path,
    *,
    table: str,
    protocol: str,
    max_failed_checks: int = 0,
) -> None:
    """Score what listeners handed in and add it to ``results.jsonl``, replacing an earlier call's.

    ``output_dir`` gets ``answers.tsv`` (every answer that counts, for other statistics),
    ``excluded.tsv`` and the figures. ``protocol`` says who heard what. ValueError if ``key_path``
    is no ``key.json`` or no file counts; see ``collect_results``.

    Source: [P2V] Figs. 3 and 4.
    """
    test = read_key(key_path)
    collection = collect_results(result_dir, test, max_failed_checks=max_failed_checks)
    output_dir = Path(output_dir)
    write_excluded(output_dir / EXCLUDED, collection)
    write_answers(output_dir / ANSWERS, collection)
    scores = {kind: score_kind(collection.results, test, kind) for kind in KINDS}
    settings = (
        f"{protocol}; test {test.digest}, {len(collection.results)} listeners, "
        f"{len(collection.excluded)} files left out, each item by {test.systems_per_item} of "
        f"{len(test.systems)} systems for a listener"
    )
    source = relative_path(output_dir / ANSWERS, results_path)
    records = [
        record
        for kind in KINDS
        for record in score_records(scores[kind], test, kind, table, settings, source)
    ]
    records += agreement_records(collection, test, table, settings, source)
    for name, figure in listening_figures(scores, test).items():
        file = output_dir / f"{re.sub(r'[^a-z0-9]+', '_', name.lower())}.png"
        save_figure(figure, file)
        records.append(file_record(f"{table}, figures", name, "figure", file, "", results_path))
    tables = [table, f"{table}, answers", f"{table}, agreement", f"{table}, figures"]
    append_records(results_path, records, replace_tables=tables)


def score_records(
    scores: Sequence[SystemScore],
    test: ListeningTest,
    kind: str,
    table: str,
    protocol: str,
    source: str = "",
) -> list[Record]:
    """Return the mean of every score, and the share of every answer in a table of its own."""
    columns = columns_of("listening")
    definition = "share of listeners' answers."
    names = [
        f"heard as {answer}" if kind == EMOTION else f"similarity {signed(answer)}"
        for answer in test.answers(kind)
    ]
    answers = [Column(name, methodcaller("get", name), "share", "", definition) for name in names]
    records = []
    for score in scores:
        name = score.system + (f", {score.target_emotion}" if score.target_emotion else "")
        n = score.number
        mean = Estimate(score.mean, n, score.low, score.high, drawn=score.drawn)
        shares = {
            answer: Estimate(float(count / n), n)
            for answer, count in zip(names, score.counts, strict=True)
        }
        row = Row(name, [{NAMES[kind]: mean}], protocol, source=source)
        records += records_of(columns, [row], table=table)
        row = Row(name, [shares], protocol, source=source)
        records += records_of(answers, [row], table=f"{table}, answers")
    return records


def agreement_records(
    collection: Collection,
    test: ListeningTest,
    table: str,
    protocol: str,
    source: str = "",
) -> list[Record]:
    """Return Krippendorff's alpha of each kind that has one; ``undefined`` where all agree."""
    rows = []
    for kind in KINDS:
        if found := agreement(collection.results, test, kind):
            value, number = found
            alpha = Estimate("undefined" if value is None else value, number)
            rows.append(Row(NAMES[kind], [{"alpha": alpha}], protocol, source=source))
    return records_of(columns_of("listening"), rows, table=f"{table}, agreement")


def listening_figures(
    scores: dict[str, list[SystemScore]], test: ListeningTest
) -> dict[str, Figure]:
    """Return figures by name: one of similarity, and a matrix of confusions a system."""
    figures = {}
    if scores[SIMILARITY]:
        figures["similarity"] = similarity_figure(scores[SIMILARITY], test.title)
    for system in dict.fromkeys(score.system for score in scores[EMOTION]):
        matrix = confusion(scores[EMOTION], test.emotions, system)
        title = f"{system}, as heard by listeners"
        figures[f"emotion, {system}"] = confusion_figure(matrix, test.emotions, title)
    return figures


def write_answers(path: str | Path, collection: Collection) -> None:
    """Write one line an answer, practice and checks included, for other statistics."""
    of_trial = "kind role system target_emotion item".split()
    of_answer = "answer plays_reference plays_audio seconds".split()
    with atomic_open(path) as stream:
        stream.write("\t".join(["listener", "place", "trial", *of_trial, *of_answer]) + "\n")
        for result in collection.results:
            for place, answer in enumerate(result.answers, start=1):
                cells = [result.listener, place, answer.trial.trial_id]
                cells += [getattr(answer.trial, name) for name in of_trial]
                cells += [getattr(answer, name) for name in of_answer]
                stream.write("\t".join(map(str, cells)) + "\n")
