"""Bring the audio of a data directory into the one form that everything here reads."""

import logging
from pathlib import Path

from espnet2_ext.data.audio_jobs import AudioJob, AudioOutcome, audio_path, run_audio_jobs
from espnet2_ext.data.data_directory import validate_data_directory
from espnet2_ext.data.rejected import read_rejected, report_rejected, write_rejected
from espnet2_ext.data.share import Share
from espnet2_ext.data.table_set import (
    DataDirectoryError,
    iterate_rows,
    read_required,
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
    share: Share | None = None,
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
        share: write only the audio of this share and no tables; a run without it then
            finds the audio of all shares and writes the tables.

    Raises:
        DataDirectoryError: the input breaks a rule, or every utterance was rejected.
    """
    source, out = Path(data_dir), Path(out_dir)
    refuse_same(out, [source])
    validate_data_directory(source)
    wavs = read_required(source, "wav.scp")

    def job_of(utterance_id: str) -> AudioJob:
        wav, flac = wavs[utterance_id], audio_path(out, utterance_id)
        return AudioJob(utterance_id, wav, flac, min_duration_s=min_duration_s)

    outcome = run_audio_jobs(
        wavs,
        job_of,
        out,
        description=f"formatting {source}",
        num_workers=num_workers,
        share=share,
    )
    kept = outcome.num_samples
    if share is not None:
        return len(kept)
    wavs.clear()  # a large table, no longer needed
    list_rejected(out, outcome, read_rejected(source))
    others = {
        name: (row for row in iterate_rows(source / name) if row[0] in kept)
        for name in table_names(source)
        if name not in ("wav.scp", "utt2spk", "utt2num_samples")
    }
    write_tables(
        out,
        {key: audio_path(out, key) for key in kept},
        {key: speaker for key, speaker in read_required(source, "utt2spk").items() if key in kept},
        others | {"utt2num_samples": ((key, kept[key]) for key in sorted(kept))},
    )
    return len(kept)


def list_rejected(out: Path, outcome: AudioOutcome, rejected_before: dict[str, str]) -> None:
    """Write and report the rejected utterances; report those that are clipped.

    Raises:
        DataDirectoryError: none is left.
    """
    rejected = outcome.rejected
    write_rejected(out, rejected_before | rejected)
    report_rejected(out, rejected, outcome.total)
    if outcome.clipped:
        number, first = len(outcome.clipped), min(outcome.clipped)
        logger.info("%s: %d files clipped at full scale, first %s", out, number, first)
    if not outcome.num_samples:
        utterance_id = min(rejected)
        raise DataDirectoryError(
            f"{out}: all {outcome.total} utterances were rejected, for example {utterance_id}: "
            f"{rejected[utterance_id]}; see rejected.tsv there and check the paths in wav.scp"
        )
