"""Leave out utterances that are too short or too long to train on."""

from pathlib import Path

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.data_directory import subset_data_directory
from espnet2_ext.data.rejected import read_rejected, report_rejected, write_rejected
from espnet2_ext.data.table_set import (
    DataDirectoryError,
    check_table,
    iterate_rows,
    refuse_same,
)


def filter_length(
    data_dir: str | Path, out_dir: str | Path, *, min_duration_s: float, max_duration_s: float
) -> int:
    """Write the utterances within the limits, with all tables; return how many there are.

    Durations come from ``utt2num_samples``, limits included. The others are added
    to the ``rejected.tsv`` of the input; what units or speaker vectors were not to be
    had for, and so is listed there already, is left out as well.

    Raises:
        ValueError: the limits contradict each other.
        DataDirectoryError: the input breaks a rule, a length is not a number, or
            nothing is left.
    """
    source, out = Path(data_dir), Path(out_dir)
    if not 0 <= min_duration_s <= max_duration_s:
        raise ValueError(
            f"length filter: min_duration_s {min_duration_s:g} and max_duration_s "
            f"{max_duration_s:g} leave nothing; give 0 <= min <= max"
        )
    refuse_same(out, [source])
    check_table(source, "utt2num_samples")
    earlier, rejected = read_rejected(source), {}
    kept, total = [], 0
    for utterance_id, num_samples in iterate_rows(source / "utt2num_samples"):
        total += 1
        if not num_samples.isdecimal():
            raise DataDirectoryError(
                f"{source}/utt2num_samples: {utterance_id}: {num_samples!r} is not a number of "
                "samples; run format_wav again"
            )
        duration_s = int(num_samples) / SAMPLE_RATE_HZ
        if duration_s < min_duration_s:
            rejected[utterance_id] = f"{duration_s:.3f} s, shorter than {min_duration_s:g} s"
        elif duration_s > max_duration_s:
            rejected[utterance_id] = f"{duration_s:.3f} s, longer than {max_duration_s:g} s"
        elif utterance_id not in earlier:
            kept.append(utterance_id)
    if not kept:
        raise DataDirectoryError(
            f"{source}: no utterance lasts {min_duration_s:g} to {max_duration_s:g} s; "
            "change the limits"
        )
    write_rejected(out, earlier | rejected)
    report_rejected(out, rejected, total)
    subset_data_directory(source, out, kept)
    return len(kept)
