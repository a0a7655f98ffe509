"""The same recording under another name, found by its samples."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import soundfile

from espnet2_ext.data.audio import AudioError
from espnet2_ext.ser.attributes import Utterances


def content_digests(utterances: Utterances, others: Sequence[Utterances] = ()) -> dict[str, str]:
    """Return ``{wav: digest}`` of all; equal digests mean equal samples.

    Samples are compared as 16-bit integers, so that a wav file and its flac copy are
    the same. Files are read in full only where an utterance and another file have the
    same length, since another length is another content.

    Args:
        utterances: are compared with each other and with the others.
        others: are not compared with each other.

    Raises:
        AudioError: a file is missing or not readable.
    """
    wavs = {utterance.wav for utterance in utterances.values()}
    all_wavs = wavs | {utterance.wav for group in others for utterance in group.values()}
    lengths = {wav: _num_samples(wav) for wav in sorted(all_wavs)}
    times = Counter(lengths.values())
    to_read = {lengths[wav] for wav in wavs if times[lengths[wav]] > 1}
    return {
        wav: _digest(wav) if length in to_read else f"{length} samples"
        for wav, length in lengths.items()
    }


def _num_samples(wav: str) -> int:
    try:
        return soundfile.info(wav).frames
    except RuntimeError as error:
        raise AudioError(f"{wav}: not readable as audio; run format_wav first") from error


def _digest(wav: str) -> str:
    try:
        samples, _ = soundfile.read(wav, dtype="int16", always_2d=True)
    except RuntimeError as error:
        raise AudioError(f"{wav}: not readable as audio; run format_wav first") from error
    return hashlib.sha256(samples.tobytes()).hexdigest()
