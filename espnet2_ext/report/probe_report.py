"""The disentanglement report of a trained model: two tables and a figure a data directory."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from espnet2_ext.prosody2vec.converter import Prosody2VecConverter
from espnet2_ext.report.environment import git_commit
from espnet2_ext.report.figure_file import save_figure
from espnet2_ext.report.probe_results import probe_records
from espnet2_ext.report.probe_set import (
    MAX_UTTERANCES,
    PROSODY,
    UNTRAINED,
    ProbeSet,
    read_probe_set,
)
from espnet2_ext.report.results import PATH, Record, append_records
from espnet2_ext.report.vector_figure import project, vector_figure
from espnet2_ext.ser.attributes import attributes_of, read_utterances

_CAPTIONS = {
    "pca": "The two directions of largest variance of the standardised vectors.",
    "tsne": "t-SNE of the standardised vectors: neighbours count, distances and sizes do not.",
}


def report_probes(
    model_file: str | Path,
    data_dirs: Sequence[str | Path],
    results_path: str | Path,
    *,
    unit_tag: str,
    table: str,
    train_config: str | Path | None = None,
    figure_dir: str | Path | None = None,
    projection: str = "pca",
    max_utterances: int = MAX_UTTERANCES,
    num_workers: int = 1,
    device: str = "cpu",
    seed: int = 0,
) -> list[Record]:
    """Probe a model's prosody vectors, write figures, put tables into ``results.jsonl``.

    The tables are made anew as a whole: give all data directories of a model at once.

    Args:
        model_file: weights.
        data_dirs: see ``read_probe_set``; rows are called after them.
        results_path: the jsonl.
        unit_tag: which units.
        table: title; says ``synthetic`` where the data are.
        train_config: of the model; None takes config.yaml beside the weights.
        figure_dir: gets ``<data directory>_<projection>.png``; None takes
            ``report/<folder of the model>`` beside the jsonl.
        projection: ``pca`` or ``tsne``.
        max_utterances: of a data directory.
        num_workers: processes that measure pitch.
        device: of the model.
        seed: of the untrained encoder, folds and draws.

    Returns:
        The records of the two tables.

    Raises:
        FileNotFoundError: no model.
        ValueError: two directories of one name, or see ``read_probe_set``.
    """
    names = [Path(data_dir).name for data_dir in data_dirs]
    if len(set(names)) < len(names):
        raise ValueError(f"{' '.join(map(str, data_dirs))}: rows need directories of other names")
    model = Prosody2VecConverter.from_file(model_file, train_config, device=device).model
    sets = [
        read_probe_set(
            data_dir,
            model,
            unit_tag=unit_tag,
            max_utterances=max_utterances,
            num_workers=num_workers,
            seed=seed,
        )
        for data_dir in data_dirs
    ]
    model_file, results_path = Path(model_file), Path(results_path)
    config = Path(train_config or model_file.parent / "config.yaml")
    correlation_table, figure_table = f"{table}: correlations", f"{table}: figures"
    records = probe_records(
        sets,
        {data.name: _data_protocol(data, model_file, config, unit_tag) for data in sets},
        table=table,
        correlation_table=correlation_table,
        commit=git_commit(),
        seed=seed,
    )
    folder = Path(figure_dir or results_path.parent / "report" / model_file.parent.name)
    figures = [_draw(data, folder, results_path, figure_table, projection, seed) for data in sets]
    replaced = [table, correlation_table, figure_table]
    append_records(results_path, [*records, *figures], replace_tables=replaced)
    return records


def met_in_pretraining(
    train_config: str | Path, speakers: Iterable[str], sentences: Iterable[str]
) -> str:
    """Return in words how many of them are in the training set of a model.

    Args:
        train_config: ESPnet's ``config.yaml``, whose ``train_speaker_dir`` is that set;
            the path starts where the recipe was run.
        speakers: names, without the prefix of speed perturbation.
        sentences: normalised as by ``normalise_sentence``.

    Returns:
        For instance ``pretraining met 10 of 10 speakers and 0 of 5 sentences``. What is
        not there any more is said to be not known.

    Raises:
        ValueError: a table is malformed.
    """
    with open(train_config, encoding="utf-8") as stream:
        directory = yaml.safe_load(stream).get("train_speaker_dir")
    if directory is None or not Path(directory, "wav.scp").is_file():
        return f"whom pretraining met is not known ({directory or 'no train_speaker_dir'})"
    known = attributes_of(Path(directory).name, read_utterances(directory)).values
    parts = []
    for name, asked in (("speaker", set(speakers)), ("sentence", set(sentences))):
        met = set(known[name].values())
        number = str(len(asked & met)) if met else "an unknown number"
        parts.append(f"{number} of {len(asked)} {name}s")
    return f"pretraining met {' and '.join(parts)}"


def _data_protocol(data: ProbeSet, model_file: Path, config: Path, unit_tag: str) -> str:
    """Return in words which utterances and which model, and whether they met before."""
    speakers = set(data.speakers.tolist())
    sentences = set(data.sentences[data.has_words].tolist())
    return "; ".join(
        [
            f"{data.name}: {len(data.speakers)} of {data.listed} utterances",
            met_in_pretraining(config, speakers, sentences),
            *data.lacking,
            f"model {model_file.parent.name}/{model_file.name}, units {unit_tag}",
        ]
    )


def _draw(
    data: ProbeSet, figure_dir: Path, results_path: Path, title: str, projection: str, seed: int
) -> Record:
    """Write the figure of a data directory and return the record that shows it."""
    rows = {kind: project(data.vectors[kind], projection, seed) for kind in (PROSODY, UNTRAINED)}
    colours = {"speaker": data.speakers.tolist()}
    if data.emotions is not None:
        colours = {"emotion": data.emotions.tolist(), **colours}
    file = figure_dir / f"{data.name}_{projection}.png"
    save_figure(vector_figure(rows, colours, data.name), file)
    value = Path(os.path.relpath(file.resolve(), results_path.resolve().parent)).as_posix()
    what = f"{projection} by {' and '.join(colours)}"
    return Record(title, data.name, what, value, PATH, 1, _CAPTIONS[projection], "", "")
