"""Leave out utterances that are too short or too long, or that nobody can give a voice."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.data_directory import subset_data_directory
from espnet2_ext.data.rejected import read_rejected, report_rejected, write_rejected
from espnet2_ext.data.table_set import (
    DataDirectoryError,
    check_table,
    iterate_rows,
    read_required,
    refuse_same,
)

logger = logging.getLogger(__name__)


def filter_length(
    data_dir: str | Path,
    out_dir: str | Path,
    *,
    min_duration_s: float,
    max_duration_s: float,
    speaker_dir: str | Path | None = None,
) -> int:
    """Write the utterances within the limits, with all tables; return how many there are.

    Durations come from ``utt2num_samples``, limits included. The others are listed in the
    ``rejected.tsv`` of the output, after what the input lists; what units or speaker
    vectors were not to be had for, and so is listed there already, is left out as well.

    Args:
        data_dir: a directory by ``format_wav``.
        out_dir: the directory to write.
        min_duration_s: shortest that stays.
        max_duration_s: longest that stays.
        speaker_dir: training set, for a validation set: what is kept must have another
            utterance of its speaker here or there, to give the voice ([P2V] III-B). A
            speed-perturbed speaker is another one. None asks for no other utterance.

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
    if speaker_dir is not None:
        alone = _only_utterances(source, kept, Path(speaker_dir))
        if len(alone) == len(kept):
            raise DataDirectoryError(
                f"{source}: no speaker has another utterance here or in {speaker_dir}, whose "
                "vector [P2V] III-B takes; validate with speakers of the training set, whose "
                "speeds (--speed_perturb_factors) must hold 1.0"
            )
        reason = f"no other utterance of the speaker here or in {speaker_dir} gives the voice"
        rejected |= dict.fromkeys(alone, reason)
        kept = [utterance_id for utterance_id in kept if utterance_id not in alone]
    write_rejected(out, earlier | rejected)
    report_rejected(out, rejected, total)
    subset_data_directory(source, out, kept)
    return len(kept)


def _only_utterances(source: Path, kept: Sequence[str], speaker_dir: Path) -> Mapping[str, str]:
    """Return ``{utterance: speaker}`` of those whose speaker has no other; log how many.

    The other directory streams, so that its size costs no memory.
    """
    check_table(speaker_dir, "utt2spk")
    speakers = read_required(source, "utt2spk")
    members = Counter(speakers[utterance_id] for utterance_id in kept)
    alone = {speakers[key]: key for key in kept if members[speakers[key]] == 1}
    in_both = 0
    for utterance_id, speaker in iterate_rows(speaker_dir / "utt2spk"):
        in_both += utterance_id in speakers
        if alone.get(speaker, utterance_id) != utterance_id:
            del alone[speaker]
    if in_both:
        logger.warning(
            "%s: %d of its utterances stand in %s too, so validation hears what is trained on",
            *(source, in_both, speaker_dir),
        )
    if alone:
        logger.warning(
            "%s: %d of %d speakers have one utterance in it and %s together, and are left out: %s",
            *(source, len(alone), len(members), speaker_dir, " ".join(sorted(alone)[:10])),
        )
    return {utterance_id: speaker for speaker, utterance_id in alone.items()}
