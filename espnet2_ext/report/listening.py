"""From the files of listeners to records and figures."""

import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.listening.design import ListeningTest, read_key
from espnet2_ext.listening.manifest import EMOTION, KINDS, SIMILARITY, answers_of
from espnet2_ext.listening.results import (
    EXCLUDED,
    ListenerResult,
    collect_results,
    write_excluded,
)
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
    ``excluded.tsv`` and the figures; see ``collect_results``. Source: [P2V] Figs. 3 and 4.
    """
    test = read_key(key_path)
    collection = collect_results(result_dir, test, max_failed_checks=max_failed_checks)
    output_dir = Path(output_dir)
    write_excluded(output_dir / EXCLUDED, collection)
    write_answers(output_dir / ANSWERS, collection.results)
    scores = {kind: score_kind(collection.results, test, kind) for kind in KINDS}
    settings = (
        f"{protocol}; test {test.digest}, {len(collection.results)} listeners, "
        f"{len(collection.excluded)} files left out, each item by {test.systems_per_item} of "
        f"{len(test.systems)} systems for a listener"
    )
    source = relative_path(output_dir / ANSWERS, results_path)
    of_table = table, settings, source
    records = [r for kind in KINDS for r in score_records(scores[kind], test, kind, *of_table)]
    records += agreement_records(collection.results, test, *of_table)
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
    source: str,
) -> list[Record]:
    """Return the mean of every score, and the share of every answer in a table of its own."""
    names = [
        f"heard as {answer}" if kind == EMOTION else f"similarity {signed(answer)}"
        for answer in answers_of(kind, test.emotions)
    ]
    definition = "share of listeners' answers."
    answers = [Column(name, name, "share", "", definition) for name in names]
    records = []
    for score in scores:
        name = score.system + (f", {score.target_emotion}" if score.target_emotion else "")
        n = score.number
        mean = {NAMES[kind]: Estimate(score.mean, n, score.low, score.high, drawn=score.drawn)}
        shares = zip(names, (score.counts / n).tolist(), strict=True)
        cells = {answer: Estimate(share, n) for answer, share in shares}
        for columns, found, title in (
            (columns_of("listening"), mean, table),
            (answers, cells, f"{table}, answers"),
        ):
            row = Row(name, [found], protocol, source=source)
            records += records_of(columns, [row], table=title)
    return records


def agreement_records(
    results: Sequence[ListenerResult], test: ListeningTest, table: str, protocol: str, source: str
) -> list[Record]:
    """Return Krippendorff's alpha of each kind that has one; ``undefined`` where all agree."""
    rows = []
    for kind in KINDS:
        if found := agreement(results, test, kind):
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


def write_answers(path: str | Path, results: Sequence[ListenerResult]) -> None:
    """Write one line an answer, practice and checks included, for other statistics."""
    of_trial = "kind role system target_emotion item".split()
    of_answer = "answer plays_reference plays_audio seconds".split()
    with atomic_open(path) as stream:
        stream.write("\t".join(["listener", "place", "trial", *of_trial, *of_answer]) + "\n")
        for result in results:
            for place, answer in enumerate(result.answers, start=1):
                cells = [result.listener, place, answer.trial.trial_id]
                cells += [getattr(answer.trial, name) for name in of_trial]
                cells += [getattr(answer, name) for name in of_answer]
                stream.write("\t".join(map(str, cells)) + "\n")
