"""Bring the audio of a data directory into the one form that everything here reads."""

import logging
import zlib
from pathlib import Path

from espnet2_ext.data.audio_jobs import AudioJob, AudioRecord, run_audio_jobs
from espnet2_ext.data.data_directory import read_data_directory, validate_data_directory
from espnet2_ext.data.rejected import read_rejected, report_rejected, write_rejected
from espnet2_ext.data.table_set import (
    DataDirectoryError,
    iterate_rows,
    refuse_same,
    table_names,
    write_tables,
)

logger = logging.getLogger(__name__)


def format_wav(
    data_dir: str | Path,
    out_dir: str | Path,
    *,
    num_workers: int = 1,
    min_duration_s: float = 0.1,
) -> int:
    """Write ``out_dir`` with 16 kHz mono flac and all tables; return how many are kept.

    Any format and rate libsndfile reads is mixed to mono and resampled. Files that
    are missing, empty, cut short, corrupt, not finite, silent or too short go to
    ``rejected.tsv`` with their reason, and one log line counts them. A rerun redoes
    only files whose source or output has changed since.

    Args:
        data_dir: a valid data directory; paths in ``wav.scp`` are used as given.
        out_dir: becomes ``dump/raw/<set>``; its path stands in the new ``wav.scp``.
        num_workers: processes; the bytes written do not depend on it.
        min_duration_s: shorter utterances are rejected.

    Raises:
        DataDirectoryError: the input breaks a rule, or every utterance was rejected.
    """
    source, out = Path(data_dir), Path(out_dir)
    refuse_same(out, [source])
    validate_data_directory(source)
    tables = read_data_directory(source, names=()).tables
    jobs = [
        AudioJob(utterance_id, wav, audio_path(out, utterance_id), min_duration_s=min_duration_s)
        for utterance_id, wav in tables["wav.scp"].items()
    ]
    records = run_audio_jobs(jobs, out, description=f"formatting {source}", num_workers=num_workers)
    kept = keep_good(out, records, read_rejected(source))
    others = {
        name: (row for row in iterate_rows(source / name) if row[0] in kept)
        for name in table_names(source)
        if name not in ("wav.scp", "utt2spk", "utt2num_samples")
    }
    write_tables(
        out,
        {key: record.job.output for key, record in kept.items()},
        {key: tables["utt2spk"][key] for key in kept},
        others | {"utt2num_samples": [(key, kept[key].num_samples) for key in sorted(kept)]},
    )
    return len(kept)


def audio_path(out: Path, utterance_id: str) -> str:
    """Return where an utterance's flac lies: 256 folders, so that none grows too large."""
    shard = zlib.crc32(utterance_id.encode()) & 0xFF
    return str(out / "audio" / f"{shard:02x}" / f"{utterance_id}.flac")


def keep_good(
    out: Path, records: dict[str, AudioRecord], rejected_before: dict[str, str]
) -> dict[str, AudioRecord]:
    """Return the records that are not rejected; write and report the others.

    Raises:
        DataDirectoryError: none is left.
    """
    kept = {key: record for key, record in records.items() if record.reason is None}
    rejected = {key: record.reason for key, record in records.items() if record.reason}
    write_rejected(out, rejected_before | rejected)
    report_rejected(out, rejected, len(records))
    clipped = [key for key, record in kept.items() if record.clipped]
    if clipped:
        logger.info("%s: %d files clipped at full scale, first %s", out, len(clipped), clipped[0])
    if not kept:
        utterance_id = min(rejected)
        raise DataDirectoryError(
            f"{out}: all {len(records)} utterances were rejected, for example {utterance_id}: "
            f"{rejected[utterance_id]}; see rejected.tsv there and check the paths in wav.scp"
        )
    return kept
