"""Speed perturbation: more speakers and tempi from the same audio ([P2V] IV-B)."""

import logging
import sys
from collections.abc import Container, Iterable, Iterator, Sequence
from fractions import Fraction
from heapq import merge
from pathlib import Path

from espnet2_ext.data.audio_jobs import AudioJob, audio_path, run_audio_jobs
from espnet2_ext.data.data_directory import validate_data_directory
from espnet2_ext.data.format_wav import list_rejected
from espnet2_ext.data.rejected import read_rejected
from espnet2_ext.data.share import Share
from espnet2_ext.data.table_set import (
    DataDirectoryError,
    check_table,
    iterate_rows,
    read_required,
    refuse_same,
    table_names,
    write_tables,
)

logger = logging.getLogger(__name__)

_LARGEST_TERM = 200
"""Of the factor as a fraction (two decimals, up to 2); the resampling filter grows with it."""


def perturb_speed(
    data_dir: str | Path,
    out_dir: str | Path,
    factors: Sequence[float | str],
    *,
    num_workers: int = 1,
    share: Share | None = None,
) -> int:
    """Write ``out_dir`` with every utterance at every speed; return their number.

    A factor changes pitch and tempo together by resampling, as ``sox speed`` in
    Kaldi's ``perturb_data_dir_speed.sh``: 0.9 makes the audio 1/0.9 times as long.
    Its speakers and utterances are called ``sp0.9-<id>``; factor 1.0 keeps ids and
    audio files as they are. Labels are copied; units and speaker vectors are not,
    because they describe other audio.

    Args:
        data_dir: a directory written by ``format_wav``.
        out_dir: the combined directory; its path stands in the new ``wav.scp``.
        factors: for example (0.9, 1.0, 1.1).
        num_workers: processes; the bytes written do not depend on it.
        share: write only the audio of this share and no tables, as in ``format_wav``.

    Raises:
        ValueError: a factor is not between 0.5 and 2, given twice or no short fraction.
        DataDirectoryError: the input breaks a rule, has no ``utt2num_samples``, or holds
            an utterance at one of these speeds already.
    """
    source, out = Path(data_dir), Path(out_dir)
    speeds = parse_factors(factors)
    refuse_same(out, [source])
    validate_data_directory(source)
    check_table(source, "utt2num_samples")
    wavs = read_required(source, "wav.scp")
    refuse_perturbed(source, wavs, speeds)

    def origin_of(new_id: str) -> tuple[str, str]:
        return next(
            (prefix, new_id.removeprefix(prefix))
            for prefix in speeds
            if new_id.startswith(prefix) and new_id.removeprefix(prefix) in wavs
        )

    def job_of(new_id: str) -> AudioJob:
        prefix, utterance_id = origin_of(new_id)
        wav = wavs[utterance_id]
        output = audio_path(out, new_id) if prefix else wav
        return AudioJob(new_id, wav, output, str(speeds[prefix]))

    outcome = run_audio_jobs(
        (prefix + utterance_id for prefix in speeds for utterance_id in wavs),
        job_of,
        out,
        description=f"perturbing speed of {source}",
        num_workers=num_workers,
        share=share,
    )
    kept = outcome.num_samples
    if share is not None:
        return len(kept)
    list_rejected(out, outcome, read_rejected(source))
    speakers = read_required(source, "utt2spk")
    origins = ((key, *origin_of(key)) for key in kept)
    utt2spk = {key: sys.intern(prefix + speakers[old]) for key, prefix, old in origins}
    others = {name: _prefixed(source / name, speeds, kept) for name in _labels(source)}
    write_tables(
        out,
        {key: job_of(key).output for key in kept},
        utt2spk,
        others | {"utt2num_samples": ((key, kept[key]) for key in sorted(kept))},
    )
    return len(kept)


def refuse_perturbed(source: Path, wavs: Container[str], prefixes: Iterable[str]) -> None:
    """Raise a DataDirectoryError where a new id would be that of an utterance that is there."""
    for prefix in filter(None, prefixes):
        for utterance_id, _ in iterate_rows(source / "wav.scp"):
            if prefix + utterance_id in wavs:
                raise DataDirectoryError(
                    f"{source}/wav.scp: {prefix}{utterance_id}: is {utterance_id} at that speed "
                    "already; perturb the directory that has one speed"
                )


def parse_factors(factors: Sequence[float | str]) -> dict[str, Fraction]:
    """Return ``{id prefix: speed}``, such as ``{"sp0.9-": 9/10, "": 1}``.

    Raises:
        ValueError: no factor, or one that is not a number from 0.5 to 2 with a short
            fraction, or stands twice.
    """
    speeds: dict[str, Fraction] = {}
    for factor in factors:
        try:
            speed = Fraction(str(factor))
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(f"speed factor {factor!r}: not a number; give e.g. 0.9") from error
        if not Fraction(1, 2) <= speed <= 2:
            raise ValueError(f"speed factor {factor}: give a factor from 0.5 to 2")
        if max(speed.numerator, speed.denominator) > _LARGEST_TERM:
            raise ValueError(f"speed factor {factor}: give at most two decimals")
        prefix = "" if speed == 1 else f"sp{float(speed):g}-"
        if prefix in speeds:
            raise ValueError(f"speed factor {factor}: stands twice; give every factor once")
        speeds[prefix] = speed
    if not speeds:
        raise ValueError("speed factors: none given; give for example 0.9 1.0 1.1")
    return speeds


def _labels(source: Path) -> list[str]:
    """Return the tables that stay true at another speed; log those left behind."""
    names = set(table_names(source)) - {"wav.scp", "utt2spk", "utt2num_samples"}
    of_audio = {
        name for name in names if name.startswith(("units_", "unit_")) or name.endswith(".scp")
    }
    for name in sorted(of_audio):
        logger.warning("%s: not copied, it describes audio at the old speed", source / name)
    return sorted(names - of_audio)


def _prefixed(
    path: Path, prefixes: Iterable[str], kept: Container[str]
) -> Iterator[tuple[str, str]]:
    """Yield the rows of a table under every prefix, sorted as the table is."""

    def under(prefix: str) -> Iterator[tuple[str, str]]:
        return ((prefix + key, value) for key, value in iterate_rows(path) if prefix + key in kept)

    return merge(*map(under, prefixes))
