"""A copy of MSP-PODCAST on disk: find its folder, list its wavs, read its lists.

Names of folders differ between releases and copies, and so do capitals::

    MSP-PODCAST-Publish-1.x/
      Audios/ or Audio/          the wavs, in one folder
      Labels/ or label/          labels_consensus.csv (.json), until 1.8 labels_concensus;
                                 labels.txt
      Transcripts/               <name>.txt
      Partitions.txt             or Partition.txt; since 1.12
      Speaker_ids.txt

A release has hundreds of thousands of wavs: their folder is read once, no wav is opened,
and how long they last follows from their sizes.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from espnet2_ext.corpora.folder_content import child, visible
from espnet2_ext.corpora.msp_podcast_labels import (
    Row,
    podcast_of,
    read_labels,
    read_partitions,
    read_speakers,
)
from espnet2_ext.corpora.release_folder import find_release_folder

AUDIO_FOLDERS = ("Audios", "Audio")
LABEL_FOLDERS = ("Labels", "Label")
CONSENSUS = [f"labels_{word}" for word in ("consensus", "concensus")]
RAW_LABELS = "labels.txt"
PARTITION_FILES = ("Partitions.txt", "Partition.txt")
SPEAKER_FILE = "Speaker_ids.txt"
TEXT_FOLDER = "Transcripts"
EXPECTED = (
    "a release of MSP-PODCAST, that is a folder with Audios (or Audio) and, in Labels (or label), "
    "labels_consensus.csv, labels_concensus.csv, the same as .json, or labels.txt"
)


@dataclass(frozen=True)
class Release:
    """What a copy holds.

    Attributes:
        root: its folder.
        audio: folder of the wavs.
        sizes: bytes of every wav by file name.
        rows: labels by file name, completed by the lists of partitions and speakers.
        partitions: by file name; of ``Partitions.txt`` alone, empty where that is not there.
        odd_files: what lies among the wavs and is none of the corpus's.
        contradictions: between the label file and the two lists, by file name.
        left_out: counts of what else was passed over.
    """

    root: Path
    audio: Path
    sizes: dict[str, int] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    partitions: dict[str, str] = field(default_factory=dict)
    odd_files: dict[str, str] = field(default_factory=dict)
    contradictions: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder that holds wavs and labels; see ``find_release_folder``."""
    return find_release_folder(root, "MSP-PODCAST", _is_release, EXPECTED)


def _is_release(path: Path) -> bool:
    return child(path, *AUDIO_FOLDERS) is not None and bool(_label_files(path))


def _label_files(root: Path) -> list[Path]:
    """Return the label files, that to be read first."""
    folder = child(root, *LABEL_FOLDERS)
    if folder is None or not folder.is_dir():
        return []
    names = [f"{stem}{suffix}" for suffix in (".csv", ".json") for stem in CONSENSUS]
    found = [child(folder, name) for name in [*names, RAW_LABELS]]
    return [path for path in found if path is not None]


def read_release(root: Path) -> Release:
    """Return wavs, labels, partitions and speakers of the copy in ``root``.

    Raises:
        ValueError: a list is malformed (see ``msp_podcast_labels.py``), there are label
            files of two releases, or labels without partitions.
    """
    labels, *others = _label_files(root)
    if [path for path in others if path.suffix == labels.suffix != ".txt"]:
        raise ValueError(
            f"{labels.parent}: holds {labels.name} and {others[0].name}, of different releases; "
            "keep the one of this release"
        )
    audio = child(root, *AUDIO_FOLDERS)
    assert audio is not None  # or find_release had not taken the folder
    partition_file, speaker_file = child(root, *PARTITION_FILES), child(root, SPEAKER_FILE)
    release = Release(
        root,
        audio,
        rows=read_labels(labels),
        partitions=read_partitions(partition_file) if partition_file else {},
    )
    speakers = read_speakers(speaker_file) if speaker_file else {}
    if labels.name.lower() == RAW_LABELS and not release.partitions:
        raise ValueError(
            f"{labels}: does not say the partitions; {PARTITION_FILES[0]} is needed in {root}"
        )
    _complete(release, speakers)
    _list_wavs(release)
    return release


def _complete(release: Release, speakers: dict[str, int | None]) -> None:
    """Fill what the label file does not say from the two lists; note where they differ."""
    for name, row in release.rows.items():
        partition, speaker = release.partitions.get(name), speakers.get(name)
        if row.partition is not None and partition not in (None, row.partition):
            release.contradictions[name] = f"{row.partition} by its label, {partition} by the list"
        if row.speaker is not None and speaker not in (None, row.speaker):
            release.contradictions[name] = (
                f"speaker {row.speaker} by its label, {speaker} by the list"
            )
        release.rows[name] = Row(
            row.label,
            speaker if row.speaker is None else row.speaker,
            partition if row.partition is None else row.partition,
        )
    for name, partition in release.partitions.items():
        if name not in release.rows:
            release.rows[name] = Row(None, speakers.get(name), partition)


def _list_wavs(release: Release) -> None:
    """Enter every wav with its size, in one pass over the folder."""
    for entry in visible(release.audio, release.left_out):
        if podcast_of(entry.name) is not None:
            release.sizes[entry.name] = entry.stat().st_size
        elif entry.name.lower().endswith(".wav"):
            release.odd_files[entry.name] = "no name of a wav of MSP-PODCAST"
        else:
            release.left_out["files and folders among the wavs that are no wav"] += 1


def read_transcripts(root: Path, names: list[str]) -> dict[str, str]:
    """Return the words of these wavs, less those without a transcript or with an empty one.

    Raises:
        ValueError: a transcript is not UTF-8.
    """
    folder = child(root, TEXT_FOLDER)
    if folder is None or not folder.is_dir():
        return {}
    present = {entry.name for entry in visible(folder, Counter())}
    words = {}
    for name in tqdm(names, desc=f"reading {folder}", dynamic_ncols=True, mininterval=1.0):
        text = f"{name.removesuffix('.wav')}.txt"
        if text in present:
            try:
                with open(folder / text, encoding="utf-8-sig") as stream:
                    line = " ".join(stream.read().split())
            except UnicodeDecodeError as error:
                raise ValueError(f"{folder / text}: is not UTF-8; get it again") from error
            if line:
                words[name] = line
    return words
