"""Examples of conversion to look at and listen to, the same ones on every run."""

import logging
import os
from functools import cache
from pathlib import Path

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.table import read_table
from espnet2_ext.report.attention_figure import attention_figure
from espnet2_ext.report.figure_file import save_figure
from espnet2_ext.report.mel_figure import MelPanel, mel_figure
from espnet2_ext.report.results import PATH, Record, append_records
from espnet2_ext.report.training_figure import read_curves, training_figure
from espnet2_ext.vocoder.vocode import write_waveform

logger = logging.getLogger(__name__)

TRAINING = "Training"
"""Title of the training curves' section."""


def report_conversion(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    output_dir: str | Path,
    results_path: str | Path,
    *,
    title: str,
    train_dir: str | Path | None = None,
) -> None:
    """Write figures and audio of the first pair of each condition, and point to them.

    For each example ``output_dir`` gets a figure of the mels with F0, one of the
    attention, and the audio of source, reference, converted and true target.

    Args:
        inference_dir: holds ``wav.scp`` and ``attention.scp``.
        data_dir: holds ``wav.scp`` and, where known, ``text`` of all utterances.
        pairs_dir: holds ``pairs targets conditions``.
        output_dir: of the files.
        results_path: the jsonl, whose page will show them.
        title: of the section.
        train_dir: training directory whose curves are drawn; None for no curves.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a pair or utterance is missing in a table; the message says which.
    """
    output_dir, results_path = Path(output_dir), Path(results_path)
    conditions = read_table(Path(pairs_dir) / "conditions")
    first: dict[str, str] = {}
    for pair in sorted(conditions):
        first.setdefault(conditions[pair], pair)
    tables = _Tables(inference_dir, data_dir, pairs_dir)
    records = []
    for condition, pair in sorted(first.items()):
        files = _write_example(tables, pair, condition, output_dir)
        records += [
            _file_record(title, condition, what, file, tables.sentence(pair), results_path)
            for what, file in files.items()
        ]
    if train_dir is not None:
        records += _write_training(Path(train_dir), output_dir, results_path)
    append_records(results_path, records, replace_tables=[title])


def _write_training(train_dir: Path, output_dir: Path, results_path: Path) -> list[Record]:
    """Write the training curves; a run without TensorBoard has none, which is logged."""
    try:
        curves = read_curves(train_dir)
    except FileNotFoundError as error:
        logger.warning("no training curves: %s", error)
        return []
    file = output_dir / "training.png"
    save_figure(training_figure(curves), file)
    return [_file_record(TRAINING, train_dir.name, "training curves", file, "", results_path)]


class _Tables:
    """The tables that say where everything of an example lies, each read once."""

    def __init__(
        self, inference_dir: str | Path, data_dir: str | Path, pairs_dir: str | Path
    ) -> None:
        self.inference_dir = Path(inference_dir)
        self.data_dir = Path(data_dir)
        self.pairs_dir = Path(pairs_dir)
        self._read = cache(read_table)

    def look_up(self, path: Path, key: str) -> str:
        """Return the value of a key; raise ValueError where the table lacks it."""
        table = self._read(path)
        if key not in table:
            raise ValueError(f"{path}: lacks {key}; run the stage that writes it again")
        return table[key]

    def sentence(self, pair: str) -> str:
        """Return what the source says; "" where the data have no texts."""
        source = self.look_up(self.pairs_dir / "pairs", pair).split()[0]
        path = self.data_dir / "text"
        return self.look_up(path, source) if path.is_file() else ""

    def waveforms(self, pair: str) -> dict[str, np.ndarray]:
        """Return the four waveforms (N,) of a pair by what they are."""
        source, prosody = self.look_up(self.pairs_dir / "pairs", pair).split()[:2]
        target = self.look_up(self.pairs_dir / "targets", pair)
        wavs = {
            "source": self.look_up(self.data_dir / "wav.scp", source),
            "reference": self.look_up(self.data_dir / "wav.scp", prosody),
            "converted": self.look_up(self.inference_dir / "wav.scp", pair),
            "true target": self.look_up(self.data_dir / "wav.scp", target),
        }
        return {what: read_audio(wav) for what, wav in wavs.items()}

    def attention(self, pair: str) -> np.ndarray:
        """Return the attention (S, U) of a pair."""
        path = self.look_up(self.inference_dir / "attention.scp", pair)
        return np.load(path, allow_pickle=False)


def _write_example(tables: _Tables, pair: str, condition: str, output_dir: Path) -> dict[str, Path]:
    """Write the files of one pair and return ``{what: file}``, figures first."""
    waveforms = tables.waveforms(pair)
    titles = {"reference": "reference (prosody only, other words)"}
    panels = [MelPanel(titles.get(what, what), wave) for what, wave in waveforms.items()]
    sentence = tables.sentence(pair)
    heading = f"{condition}: “{sentence}”" if sentence else condition
    files = {
        "mel and F0": output_dir / f"{pair}_mel.png",
        "attention": output_dir / f"{pair}_attention.png",
    }
    save_figure(mel_figure(panels, heading), files["mel and F0"])
    attention = attention_figure(tables.attention(pair), f"attention, {condition}")
    save_figure(attention, files["attention"])
    for what, waveform in waveforms.items():
        files[what] = output_dir / f"{pair}_{what.replace(' ', '_')}.wav"
        write_waveform(files[what], waveform)
    return files


def _file_record(
    table: str, row: str, what: str, file: Path, caption: str, results_path: Path
) -> Record:
    """Return the record that makes the page show a file."""
    folder = results_path.resolve().parent
    value = Path(os.path.relpath(file.resolve(), folder)).as_posix()
    return Record(table, row, what, value, PATH, 1, caption, "", "")
