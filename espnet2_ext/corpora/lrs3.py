"""LRS3-TED: talks cut into clips of one speaking face with its sound (Afouras et al. 2018).

============  ========  ========  =======  ==========================================
split         clips     talks     hours    used for
============  ========  ========  =======  ==========================================
pretrain      118,516   5,090     408      training; clips above 15 s are cut at pauses
trainval      31,982    4,004     30       training
test (v0.4)   1,321     412       0.9      test, or training with ``tests="in"``
sum           151,819             439
============  ========  ========  =======  ==========================================

To get it: the authors no longer give it out (2026), the page and the links of
https://www.robots.ox.ac.uk/~vgg/data/lip_reading/lrs3.html are dead, so a copy that was
fetched earlier is needed. Others who distribute labels for it (MuAViC) need it too.
Licence: that of the TED talks (CC BY-NC-ND 4.0; not confirmed); nothing of the corpus is
passed on with this code.

Traps, and what is done here:

* The sound lies in mp4 files, which libsndfile does not read: it is taken out once, as
  flac, by PyAV (``data/video_audio.py``).
* Nobody says who speaks: the talk stands for its speaker, as the paper counts.
* A talk may be in several splits, so the split is part of the id; ids are never split at
  ``_`` or ``-``, which YouTube ids may hold (``lrs3_release.py``).
* Clips of pretrain last 12.4 s on average; above 15 s they are cut at pauses. Some texts
  lack the times of words: such clips stay whole, and p2v.sh's limit of 20 s (not in paper) holds.
* Texts are not always UTF-8, and hold markers such as ``{LG}`` (``lrs3_text.py``).
* The lists of validation clips that others use differ, one depends on the order in which
  a machine lists folders: validation is drawn here, seeded, from sorted ids.

Source: [P2V] IV-A, Table III (5,090 speakers, 151k utterances, 437 h).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from espnet2_ext.corpora.lrs3_release import (
    EXPECTED,
    SPLITS,
    Clip,
    Release,
    count,
    find_release,
    read_release,
)
from espnet2_ext.corpora.lrs3_text import (
    MAX_CLIP_S,
    ClipText,
    Piece,
    cut_at_pauses,
    read_clip_text,
)
from espnet2_ext.corpora.pretraining_sets import split_for_pretraining
from espnet2_ext.corpora.pretraining_union import (
    draw_validation,
    with_another_voice,
    write_with_union,
)
from espnet2_ext.corpora.self_check import self_check
from espnet2_ext.data.rejected import report_rejected
from espnet2_ext.data.utterance import Utterance
from espnet2_ext.data.video_audio import Cut, VideoJob, extract_audio

logger = logging.getLogger(__name__)

LANGUAGE = "eng"
CUT_SPLIT = "pretrain"
TEST_CHOICES = ("out", "in")
ALONE = "the only clip of its talk in the test split, so that none gives it a voice"


def prepare(
    root: str | Path,
    out_data: str | Path,
    *,
    audio_dir: str | Path = "downloads",
    tests: str = "out",
    max_clip_s: float = MAX_CLIP_S,
    num_valid: int = 500,
    num_test: int = 500,
    seed: int = 0,
    num_workers: int = 1,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write the sound of all clips and the data directories; return the utterances.

    A run that was killed goes on where it was. Clips without sound, or whose file is
    broken, are listed in ``rejected.tsv`` of ``lrs3`` and ``lrs3_train``.

    Args:
        root: the folder with pretrain, trainval and test, or up to two above it.
        out_data: gets ``lrs3``, which is all that is for pretraining, and ``lrs3_train``,
            ``lrs3_valid`` and ``lrs3_test``, the last with ``pairs/reconstruction``.
        audio_dir: gets ``lrs3`` with the flac files, about 25 GB.
        tests: ``out``: the corpus's test split is ``lrs3_test`` and in nothing else;
            ``in``: it is trained on, and the test set is drawn from all clips.
        max_clip_s: longer clips of pretrain are cut at pauses.
        num_valid: utterances drawn for validation.
        num_test: utterances drawn for the test with ``tests="in"``.
        seed: of the draws.
        num_workers: processes that decode.
        allow_incomplete: warn of what is missing instead of raising.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: an unknown choice, no copy of LRS3 at ``root``, not a whole one, or too
            few clips to draw from; one line with the place and the remedy.
    """
    if tests not in TEST_CHOICES:
        raise ValueError(f"tests is {tests!r}; give {' or '.join(TEST_CHOICES)}")
    release = read_release(find_release(root))
    _check(release, allow_incomplete)
    pieces = _plan_pieces(release, max_clip_s)
    folder = Path(audio_dir).resolve() / "lrs3"
    reasons = extract_audio(
        [_job(release, clip, pieces[clip], folder) for clip in pieces],
        folder,
        description="taking the sound out of LRS3",
        num_workers=num_workers,
    )
    rejected = {clip.utterance_id: f"no {clip.stem}.mp4" for clip in _without_video(release)}
    by_split = {split: _utterances(split, pieces, folder, reasons, rejected) for split in SPLITS}
    total = len(rejected) + sum(map(len, by_split.values()))
    report_rejected(Path(out_data) / "lrs3", rejected, total)
    words = {
        each.utterance_id: each.text for split in by_split.values() for each in split if each.text
    }
    silent = {split: [replace(each, text=None) for each in by_split[split]] for split in SPLITS}
    union = silent["pretrain"] + silent["trainval"] + (silent["test"] if tests == "in" else [])
    sets, alone = {}, list[Utterance]()
    if tests == "in":
        sets = split_for_pretraining(union, num_valid=num_valid, num_test=num_test, seed=seed)
    else:
        sets["train"], sets["valid"] = draw_validation(union, num_valid, seed)
        sets["test"], alone = with_another_voice(silent["test"])
    left_out_of_test = {each.utterance_id: ALONE for each in alone}
    return write_with_union(out_data, "lrs3", sets, union, words, rejected, left_out_of_test)


def _without_video(release: Release) -> list[Clip]:
    return sorted(release.texts.keys() - release.videos.keys())


def _check(release: Release, allow_incomplete: bool) -> None:
    """Raise a ValueError, or warn, where the copy is not whole."""
    faults = {
        "texts without a clip": [clip.stem for clip in _without_video(release)],
        "clips without a text": sorted(
            clip.stem for clip in release.videos.keys() - release.texts.keys()
        ),
    }
    found = count(release.videos)
    self_check(release.root, "LRS3", EXPECTED, found, faults, allow_incomplete=allow_incomplete)


def _plan_pieces(release: Release, max_clip_s: float) -> dict[Clip, list[Piece]]:
    """Return the pieces of every clip, one for most, sorted by clip."""
    texts = _read_texts(release)
    return {
        clip: cut_at_pauses(texts[clip], max_clip_s=max_clip_s)
        if clip.split == CUT_SPLIT
        else [Piece(0.0, None, texts[clip].text)]
        for clip in sorted(release.videos)
    }


def _read_texts(release: Release) -> dict[Clip, ClipText]:
    """Return the text of every clip, an empty one where there is none; log what was passed over."""
    texts = {
        clip: read_clip_text(release.root / release.texts[clip])
        if clip in release.texts
        else ClipText(None)
        for clip in release.videos
    }
    left_out = release.left_out.copy()
    for clip, text in texts.items():
        left_out["tables of words that are malformed, their clips stay whole"] += bool(text.fault)
        untimed = clip.split == CUT_SPLIT and not text.words and not text.fault
        left_out["pretrain clips without times of words, which stay whole"] += untimed
    for reason, number in sorted((+left_out).items()):
        logger.info("%s: passed over: %d %s", release.root, number, reason)
    return texts


def _outputs(clip: Clip, pieces: Sequence[Piece], folder: Path) -> dict[str, str]:
    """Return ``{utterance id: flac}``, one for each piece."""
    if len(pieces) == 1:
        return {clip.utterance_id: f"{folder}/{clip.stem}.flac"}
    return {
        f"{clip.utterance_id}_{number:02d}": f"{folder}/{clip.stem}_{number:02d}.flac"
        for number in range(len(pieces))
    }


def _job(release: Release, clip: Clip, pieces: Sequence[Piece], folder: Path) -> VideoJob:
    outputs = _outputs(clip, pieces, folder).values()
    cuts = (Cut(out, piece.start_s, piece.stop_s) for out, piece in zip(outputs, pieces))
    return VideoJob(str(release.root / release.videos[clip]), tuple(cuts))


def _utterances(
    split: str,
    pieces: Mapping[Clip, Sequence[Piece]],
    folder: Path,
    reasons: Mapping[str, str | None],
    rejected: dict[str, str],
) -> list[Utterance]:
    """Return the utterances of a split that have sound; the others become rejected."""
    utterances = []
    for clip in (clip for clip in pieces if clip.split == split):
        outputs = _outputs(clip, pieces[clip], folder)
        for (utterance_id, wav), piece in zip(outputs.items(), pieces[clip], strict=True):
            reason = reasons[wav]
            if reason is not None:
                rejected[utterance_id] = reason
                continue
            utterances.append(
                Utterance(
                    utterance_id,
                    clip.speaker,
                    wav,
                    text=piece.text,
                    session=clip.video,
                    language=LANGUAGE,
                )
            )
    return utterances
