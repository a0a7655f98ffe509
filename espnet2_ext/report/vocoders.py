"""How good are the frozen parts: vocoders on the same true mels, and speaker vectors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.directory import read_data_directory
from espnet2_ext.data.parallel import atomic_path, spawn_map
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.metrics.conversion import write_rows
from espnet2_ext.metrics.speaker import score_data_directory
from espnet2_ext.metrics.spectrum import score_resynthesis_files
from espnet2_ext.metrics.statistics import read_speakers_and_sentences
from espnet2_ext.report.records import (
    Estimate,
    Row,
    append_records,
    columns_of,
    environment_records,
    records_of,
    relative_path,
)
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.mel import log_mel
from espnet2_ext.vocoder.vocode import vocode_mels

SCORES = "scores.tsv"


def parse_vocoders(texts: Sequence[str]) -> dict[str, str]:
    """Return the vocoders ``ROW=SPEC`` by row; without ``ROW=`` the last part of SPEC names it."""
    vocoders: dict[str, str] = {}
    for text in texts:
        row, separator, spec = text.partition("=")
        row, spec = (row, spec) if separator else (Path(text).name, text)
        if row in vocoders:
            raise ValueError(f"vocoders: {row} stands there twice; write ROW=VOCODER")
        vocoders[row] = spec
    return vocoders


def report_vocoders(
    data_dir: str | Path,
    output_dir: str | Path,
    results_path: str | Path,
    *,
    vocoders: Sequence[str],
    table: str,
    protocol: str,
    num_workers: int = 1,
    device: str = "cpu",
) -> None:
    """Resynthesise a data directory with every vocoder and add a table of their scores.

    ``output_dir`` gets ``mel/`` and for each row ``<row>/wav`` and ``<row>/scores.tsv``; a rerun
    keeps audio that is complete and of the same vocoder. ValueError if a file is too short.
    """
    specs = parse_vocoders(vocoders)
    for spec in specs.values():
        build_vocoder(spec, device)  # what is none ends here, with nothing done
    output_dir = Path(output_dir)
    wavs = read_data_directory(data_dir, names=[])["wav.scp"]
    shared = read_speakers_and_sentences(data_dir, wavs)
    mel_scp = _write_mels(wavs, output_dir, num_workers)
    records = environment_records(device)
    for row, spec in specs.items():
        folder = output_dir / row
        vocode_mels(mel_scp, folder, vocoder=spec, num_workers=num_workers, device=device)
        made = read_table(folder / "wav.scp")
        scores = score_resynthesis_files([(made[key], wavs[key]) for key in wavs], num_workers)
        rows = [(key, each.mcd_db, each.log_mel_error) for key, each in zip(wavs, scores)]
        write_rows(folder / SCORES, ("utterance", "mcd_db", "log_mel_error"), rows)
        source = relative_path(folder / SCORES, results_path)
        found = Row(row, scores, f"{protocol}; vocoder {spec}", shared, source)
        records += records_of(columns_of("vocoders"), [found], table=table, is_rounded=False)
    append_records(results_path, records, replace_tables=[table])


def _write_mels(wavs: Mapping[str, str], output_dir: Path, num_workers: int) -> Path:
    """Write the mel of each file that has none younger than it; return the table of them."""
    paths = {key: output_dir / "mel" / f"{key}.npy" for key in wavs}
    missing = [
        (wavs[key], str(path))
        for key, path in paths.items()
        if not path.is_file() or path.stat().st_mtime < Path(wavs[key]).stat().st_mtime
    ]
    spawn_map(_write_mel, missing, description="mel", num_workers=num_workers)
    write_table(output_dir / "mel.scp", paths)
    return output_dir / "mel.scp"


def _write_mel(job: tuple[str, str]) -> None:
    wav, path = job
    try:
        mel = log_mel(read_audio(wav))
    except ValueError as error:
        raise ValueError(f"{wav}: {error}; leave it out with the length filter") from error
    with atomic_path(path) as temporary:
        np.save(temporary, mel)


PERCENT = ("rate", "accuracy", "chance")
"""Ends of the names of scores that tables show in percent."""


def report_speaker_vectors(
    data_dirs: Sequence[str | Path], results_path: str | Path, *, table: str, protocol: str
) -> None:
    """Score the ``spk_embed.scp`` of data directories and add one row each to a table."""
    rows = []
    for data_dir in data_dirs:
        scores = score_data_directory(data_dir)
        settings = (
            f"{protocol}; {scores.utterances} of {scores.listed} utterances, {scores.speakers} "
            f"speakers, {scores.trials} pairs"
        )
        source = relative_path(Path(data_dir) / "spk_embed.scp", results_path)
        cells = {
            name: Estimate((100 if name.endswith(PERCENT) else 1) * float(value), scores.utterances)
            for name, value in vars(scores).items()
            if value is not None
        }
        rows.append(Row(Path(data_dir).name, [cells], settings, source=source))
    records = [
        record
        for row in rows
        for record in records_of(columns_of("speaker vectors"), [row], table=table)
    ]
    append_records(results_path, records)
