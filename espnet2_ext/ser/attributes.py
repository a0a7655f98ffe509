"""What is known of each utterance: who, when, in which dialogue, which words, which audio."""

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from espnet2_ext.data.audio import AudioError
from espnet2_ext.data.directory import (
    OPTIONAL_TABLES,
    DataDirectoryError,
    Utterance,
    read_data_directory,
)
from espnet2_ext.data.tables import normalise_sentence, read_rejected

logger = logging.getLogger(__name__)

ATTRIBUTES = ("utterance", "audio", "content", "speaker", "session", "dialogue", "sentence")
"""What two lists may share: the id, the file, its samples, and who, when, where, what."""

_TABLES = {"session": "utt2session", "dialogue": "utt2dialogue", "sentence": "text"}
_SPEED_PREFIX = re.compile(r"sp[0-2](\.\d{1,2})?-")

Utterances = Mapping[str, Utterance]


@dataclass(frozen=True)
class Attributes:
    """What is known of the utterances of the data directory ``name``.

    ``values[attribute][utterance]`` leaves out what is unknown; ``lacking[attribute]`` says why.
    """

    name: str
    values: Mapping[str, Mapping[str, str]]
    lacking: Mapping[str, str]


def read_utterances(data_dir: str | Path) -> dict[str, Utterance]:
    """Return ``{id: utterance}`` sorted by id, less those listed in ``rejected.tsv``.

    DataDirectoryError where a table is missing, malformed or lacks an utterance, or none is left.
    """
    path = Path(data_dir)
    names = [name for name in OPTIONAL_TABLES if (path / name).is_file()]
    tables = read_data_directory(path, names)
    ids = sorted(tables["wav.scp"].keys() - read_rejected(path).keys())
    if not ids:
        raise DataDirectoryError(f"{path}: every utterance is rejected; see rejected.tsv")
    for name in ("utt2spk", *names):
        for utterance_id in ids:
            if utterance_id not in tables[name]:
                remedy = "run the stage that writes it again"
                raise DataDirectoryError(f"{path / name}: {utterance_id}: missing; {remedy}")
    left_out = len(tables["wav.scp"]) - len(ids)
    if left_out:
        logger.info("%s: %d utterances without %d rejected ones", path, len(ids), left_out)
    return {
        key: Utterance(
            key,
            tables["utt2spk"][key],
            tables["wav.scp"][key],
            **{OPTIONAL_TABLES[name]: tables[name][key] for name in names},
        )
        for key in ids
    }


def labels_of(utterances: Utterances) -> dict[str, str]:
    """Return ``{utterance: emotion}``; a ValueError names an utterance without emotion."""
    labels = {}
    for key, utterance in utterances.items():
        if utterance.emotion is None:
            raise ValueError(f"{key}: has no emotion; the data directory needs utt2emo")
        labels[key] = utterance.emotion
    return labels


def speakers_unknown(utterances: Utterances) -> list[str]:
    """Return the utterances that `espnet2_ext.corpora.emotion_csv` named ``<name>-<name>``."""
    plain = {key: without_speed(utterance) for key, utterance in utterances.items()}
    return [key for key, (name, speaker) in plain.items() if name == f"{speaker}-{speaker}"]


def without_speed(utterance: Utterance) -> tuple[str, str]:
    """Return id and speaker without the prefix of ``perturb_speed``: the same voice and words."""
    match = _SPEED_PREFIX.match(utterance.speaker)
    prefix = match[0] if match and utterance.utterance_id.startswith(match[0]) else ""
    return utterance.utterance_id.removeprefix(prefix), utterance.speaker.removeprefix(prefix)


def attributes_of(
    name: str, utterances: Utterances, digests: Mapping[str, str] | None = None
) -> Attributes:
    """Return what can be compared of the utterances of a directory, and what cannot and why.

    Contents are compared by the ``{wav: digest}`` of `content_digests`, if given.
    """
    values: dict[str, dict[str, str]] = {attribute: {} for attribute in ATTRIBUTES}
    unknown = speakers_unknown(utterances)
    for key, utterance in utterances.items():
        plain_id, speaker = without_speed(utterance)
        found = {
            "utterance": plain_id,
            "audio": os.path.realpath(utterance.wav),
            "content": None if digests is None else digests[utterance.wav],
            "speaker": None if len(unknown) == len(utterances) else speaker,
            "session": utterance.session,
            "dialogue": utterance.dialogue,
            "sentence": normalise_sentence(utterance.text or ""),
        }
        for attribute, value in found.items():
            if value is not None:
                values[attribute][key] = value
    lacking = {}
    for attribute, table in values.items():
        count = len(utterances) - len(table)
        if attribute == "speaker" and unknown:
            # Where only some are, the names may be real: compared, and reported as doubtful.
            lacking[attribute] = f"{len(unknown)} of {len(utterances)} are their own speaker"
        elif count == len(utterances):
            no_table = f"no {_TABLES.get(attribute)}, or nothing in it"
            lacking[attribute] = "not asked for" if attribute == "content" else no_table
        elif count:
            lacking[attribute] = f"{count} of {len(utterances)} utterances have none"
    return Attributes(name, values, lacking)


def content_digests(utterances: Utterances, others: Sequence[Utterances] = ()) -> dict[str, str]:
    """Return ``{wav: digest}`` of all files; equal digests mean equal 16-bit samples.

    Files are read in full only where an utterance and another file have the same length; those of
    ``others`` are not compared with each other. AudioError for a file that cannot be read.
    """
    wavs = {utterance.wav for utterance in utterances.values()}
    all_wavs = wavs | {utterance.wav for group in others for utterance in group.values()}
    digests, lengths = {}, {}
    try:
        for wav in sorted(all_wavs):
            lengths[wav] = soundfile.info(wav).frames
        times = Counter(lengths.values())
        to_read = {lengths[wav] for wav in wavs if times[lengths[wav]] > 1}
        for wav, length in lengths.items():
            digests[wav] = f"{length} samples"
            if length in to_read:
                samples, _ = soundfile.read(wav, dtype="int16", always_2d=True)
                digests[wav] = hashlib.sha256(samples.tobytes()).hexdigest()
    except RuntimeError as error:
        raise AudioError(f"{wav}: not readable as audio; run format_wav first") from error
    return digests
