"""Speed perturbation: more speakers and tempi from the same audio ([P2V] IV-B)."""

import logging
from collections.abc import Container, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

from espnet2_ext.data.audio_jobs import AudioJob, run_audio_jobs
from espnet2_ext.data.data_directory import read_data_directory, validate_data_directory
from espnet2_ext.data.format_wav import audio_path, keep_good
from espnet2_ext.data.rejected import read_rejected
from espnet2_ext.data.table_set import iterate_rows, refuse_same, table_names, write_tables

logger = logging.getLogger(__name__)

_LARGEST_TERM = 200
"""Of the factor as a fraction (two decimals, up to 2); the resampling filter grows with it."""


def perturb_speed(
    data_dir: str | Path,
    out_dir: str | Path,
    factors: Sequence[float | str],
    *,
    num_workers: int = 1,
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

    Raises:
        ValueError: a factor is not between 0.5 and 2, given twice or no short fraction.
        DataDirectoryError: the input breaks a rule or has no ``utt2num_samples``.
    """
    source, out = Path(data_dir), Path(out_dir)
    speeds = parse_factors(factors)
    refuse_same(out, [source])
    validate_data_directory(source)
    tables = read_data_directory(source, names=["utt2num_samples"]).tables
    jobs = []
    for prefix, speed in speeds.items():
        for utterance_id, wav in tables["wav.scp"].items():
            new_id = prefix + utterance_id
            output = audio_path(out, new_id) if prefix else wav
            jobs.append(AudioJob(new_id, wav, output, str(speed)))
    records = run_audio_jobs(
        jobs, out, description=f"perturbing speed of {source}", num_workers=num_workers
    )
    kept = keep_good(out, records, read_rejected(source))
    utt2spk = {
        prefix + key: prefix + speaker
        for prefix in speeds
        for key, speaker in tables["utt2spk"].items()
        if prefix + key in kept
    }
    others = {name: _prefixed(source / name, speeds, kept) for name in _labels(source)}
    write_tables(
        out,
        {key: record.job.output for key, record in kept.items()},
        utt2spk,
        others | {"utt2num_samples": [(key, kept[key].num_samples) for key in sorted(kept)]},
    )
    return len(kept)


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


def _prefixed(path: Path, prefixes: Iterable[str], kept: Container[str]) -> list[tuple[str, str]]:
    """Return the rows of a table under every prefix, sorted."""
    rows = list(iterate_rows(path))
    return sorted(
        (prefix + key, value) for prefix in prefixes for key, value in rows if prefix + key in kept
    )
