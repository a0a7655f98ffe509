"""OMG-Emotion: parts of YouTube monologues, labelled by viewers (Barros et al. 2018).

=======  ==========  =====  ======  ======  =====================================
split    utterances  hours  videos  links   emotions
=======  ==========  =====  ======  ======  =====================================
train    2,442       4.72   231     125     seven, and arousal and valence
valid    617         1.22   60      46      likewise
test     2,229       4.30   204     141     in the csv WithLabels only
sum      5,288       10.24  495     258     links are of several splits
=======  ==========  =====  ======  ======  =====================================

[P2V] Table III counts about 7,400 utterances, 15 h: these were never all published. Its
"~500 speakers" are the 495 videos; there are at most some 258 persons.

To get it: the csv files are at github.com/knowledgetechnologyuhh/OMGEmotionChallenge
(CC BY-NC-SA 3.0 DE). Sound and picture are not there: each link is fetched from YouTube,
and many links are dead. What of the corpus is left on the day is counted in
``omg_attrition.tsv``; the recipe's README has the commands. The rights in the videos are
their makers'; nothing of the corpus is passed on with this code.

Traps, and what is done here:

* Rows of means without a video, a blank after a file name, five columns in the test set's
  file, line ends in transcripts (``omg_tables.py``).
* Neighbours overlap by 0.4 s or so, 408 s in train: each second goes to the utterance
  that begins first. Folders of annotations are called like video files
  (``omg_media.py``).
* Splits share YouTube videos and so persons: how many is logged. Speakers are not kept
  apart, as [P2V] does not either.
* Who speaks is not said: the nine digits of a video id nearly always mean one link.
* Lengths go from 0.5 to 95 s: p2v.sh leaves out what is above 20 s (not in paper).

Source: [P2V] IV-A, Table III.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from espnet2_ext.corpora.omg_media import (
    MIN_REST_S,
    find_media,
    has_media,
    plan_jobs,
    without_overlaps,
)
from espnet2_ext.corpora.omg_tables import (
    EXPECTED,
    VIDEO_FILES,
    Clip,
    count,
    read_clips,
    read_transcripts,
)
from espnet2_ext.corpora.pretraining_union import with_another_voice, write_with_union
from espnet2_ext.corpora.release_folder import find_release_folder
from espnet2_ext.corpora.self_check import self_check
from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.rejected import report_rejected
from espnet2_ext.data.utterance import Utterance
from espnet2_ext.data.video_audio import extract_audio

logger = logging.getLogger(__name__)

LANGUAGE = "eng"
ATTRITION = "omg_attrition.tsv"
ALONE = "the only utterance of its speaker in the test split, so that none gives it a voice"
TEST_CHOICES = ("in", "out")
_EXPECTED_TREE = "OMG-Emotion: omg_TrainVideos.csv and the other csv files"


def prepare(
    root: str | Path,
    out_data: str | Path,
    *,
    media_dir: str | Path | None = None,
    audio_dir: str | Path = "downloads",
    tests: str = "in",
    num_workers: int = 1,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write the sound of all utterances and the data directories; return the utterances.

    A run that was killed goes on where it was. Videos that are not there are counted in
    ``omg_attrition.tsv`` and listed in ``rejected.tsv``; they are no error, unless one of
    the splits has none at all.

    Args:
        root: the folder of the csv files, or up to two above it.
        out_data: gets ``omg``, which is all that is for pretraining, and ``omg_train``,
            ``omg_valid`` and ``omg_test``, the last with ``pairs/reconstruction``.
        media_dir: folder of the videos, up to three levels deep; None for that of the csv
            files.
        audio_dir: gets ``omg`` with the flac files, about 0.6 GB.
        tests: ``in``: the corpus's test split is in ``omg``, as [P2V] uses all; ``out``: not.
        num_workers: processes that decode.
        allow_incomplete: warn of csv files or rows that are missing instead of raising.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: an unknown choice, no csv files, malformed ones or not all, or no sound
            for one of the sets; one line with the place and the remedy.
    """
    if tests not in TEST_CHOICES:
        raise ValueError(f"tests is {tests!r}; give {' or '.join(TEST_CHOICES)}")
    folder = find_release_folder(root, "OMG-Emotion", _has_tables, _EXPECTED_TREE)
    left_out: Counter[str] = Counter()
    clips = read_clips(folder, left_out)
    self_check(folder, "OMG-Emotion", EXPECTED, count(clips), allow_incomplete=allow_incomplete)
    media_root = folder if media_dir is None else Path(media_dir)
    if not media_root.is_dir():
        raise ValueError(f"{media_root}: no such folder; give the folder of the videos")
    media = find_media(media_root, left_out)
    for reason, number in sorted(left_out.items()):
        logger.info("%s: passed over: %d %s", folder, number, reason)
    present = [clip for clip in clips if has_media(clip, media)]
    rejected = {
        clip.utterance_id: f"no video of {clip.video} or https://youtu.be/{clip.link}"
        for clip in clips
        if not has_media(clip, media)
    }
    outputs = {
        clip: str(Path(audio_dir).resolve() / "omg" / f"{clip.utterance_id}.flac")
        for clip in present
    }
    starts = _usable_starts(folder, present, rejected)
    reasons = extract_audio(
        plan_jobs(starts, media, outputs),
        Path(audio_dir).resolve() / "omg",
        description="taking the sound out of OMG-Emotion",
        num_workers=num_workers,
    )
    rejected |= {c.utterance_id: fault for c in starts if (fault := reasons[outputs[c]])}
    kept = [clip for clip in starts if clip.utterance_id not in rejected]
    _write_attrition(Path(out_data) / ATTRITION, clips, kept)
    report_rejected(Path(out_data) / "omg", rejected, len(clips))
    return _write_sets(out_data, folder, kept, outputs, rejected, tests)


def _has_tables(path: Path) -> bool:
    return any((path / name).is_file() for names in VIDEO_FILES.values() for name in names)


def _usable_starts(
    folder: Path, present: Sequence[Clip], rejected: dict[str, str]
) -> dict[Clip, float]:
    """Return where the utterances begin without overlaps; those that others hold are rejected."""
    starts = without_overlaps(present)
    given_s = sum(start_s - clip.start_s for clip, start_s in starts.items())
    number = sum(start_s > clip.start_s for clip, start_s in starts.items())
    logger.info(
        f"{folder}: {number} utterances begin before the one before them ends; these {given_s:.1f} "
        "s are left to the earlier one"
    )
    short = [clip for clip in present if clip.stop_s - starts[clip] < MIN_REST_S]
    for clip in short:
        rest_s = clip.stop_s - starts.pop(clip)
        rejected[clip.utterance_id] = f"all but {rest_s:.3f} s of it is in earlier utterances"
    return starts


def _write_attrition(path: Path, clips: Sequence[Clip], kept: Sequence[Clip]) -> None:
    """Write and log, by split, how much of what is listed is there."""
    with atomic_open(path) as stream:
        heads = [
            f"{what} {which}"
            for what in ("utterances", "hours", "links")
            for which in ("listed", "here")
        ]
        stream.write("\t".join(["split", *heads]) + "\n")
        for split in (*VIDEO_FILES, "all"):
            row = [split]
            amounts = [_amounts(part, split) for part in (clips, kept)]
            for listed, here in zip(*amounts, strict=True):
                row += [listed, here]
            stream.write("\t".join(row) + "\n")
            logger.info("OMG-Emotion %s: " + ", ".join(f"{head} %s" for head in heads), *row)


def _amounts(clips: Sequence[Clip], split: str) -> tuple[str, str, str]:
    """Return utterances, hours and links of a split or of ``all``."""
    chosen = [clip for clip in clips if split in (clip.split, "all")]
    hours = sum(clip.stop_s - clip.start_s for clip in chosen) / 3600
    return str(len(chosen)), f"{hours:.2f}", str(len({clip.link for clip in chosen}))


def _write_sets(
    out_data: str | Path,
    folder: Path,
    kept: Sequence[Clip],
    outputs: Mapping[Clip, str],
    rejected: dict[str, str],
    tests: str,
) -> dict[str, list[Utterance]]:
    """Write the data directories and return their utterances."""
    links = {split: {c.link for c in kept if c.split == split} for split in VIDEO_FILES}
    for split in ("valid", "test"):
        logger.info(
            "%s: %d of %d YouTube videos of %s are in train too",
            *(folder, len(links[split] & links["train"]), len(links[split]), split),
        )
    texts = read_transcripts(folder)
    by_split: dict[str, list[Utterance]] = {split: [] for split in VIDEO_FILES}
    for clip in kept:
        by_split[clip.split].append(
            Utterance(
                clip.utterance_id,
                clip.speaker,
                outputs[clip],
                emotion=clip.emotion,
                session=clip.link,
                dialogue=clip.video,
                language=LANGUAGE,
            )
        )
    words = {clip.utterance_id: texts[clip.key] for clip in kept if clip.key in texts}
    parts = ("train", "valid", "test") if tests == "in" else ("train", "valid")
    union = [utterance for part in parts for utterance in by_split[part]]
    by_split["test"], alone = with_another_voice(by_split["test"])
    left_out_of_test = {utterance.utterance_id: ALONE for utterance in alone}
    return write_with_union(out_data, "omg", by_split, union, words, rejected, left_out_of_test)
