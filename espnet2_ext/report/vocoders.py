"""How good are the frozen parts: vocoders on the same true mels, and speaker vectors."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.directory import read_data_directory
from espnet2_ext.data.parallel import atomic_open, atomic_path, parallel_map
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.metrics.speaker import SpeakerVectorScores, score_data_directory
from espnet2_ext.metrics.spectrum import ResynthesisScore, score_resynthesis_files
from espnet2_ext.metrics.statistics import read_speakers_and_sentences
from espnet2_ext.report.records import (
    Column,
    Estimate,
    Record,
    Row,
    append_records,
    environment_records,
    git_commit,
    records_of,
    relative_path,
)
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.mel import log_mel
from espnet2_ext.vocoder.vocode import vocode_mels

logger = logging.getLogger(__name__)

COLUMNS: tuple[Column[ResynthesisScore], ...] = (
    Column(
        "MCD",
        lambda score: score.mcd_db,
        "dB",
        "lower",
        "definition paper: WORLD every 5 ms, 24 mel-cepstral coefficients without c0, exact "
        "warping over frames of speech; resynthesis against the original.",
    ),
    Column(
        "log-mel error",
        lambda score: score.log_mel_error,
        "",
        "lower",
        "mean over frames and bands of the distance between the natural-log mels of "
        "resynthesis and original.",
    ),
)
SCORES = ("mcd_db", "log_mel_error")
"""Columns of ``scores.tsv``."""


def parse_vocoders(texts: Sequence[str]) -> dict[str, str]:
    """Return the vocoders ``ROW=SPEC`` by row; without ``ROW=`` the last part of SPEC names it.

    Raises:
        ValueError: two have one name.
    """
    vocoders: dict[str, str] = {}
    for text in texts:
        row, separator, spec = text.partition("=")
        row, spec = (row, spec) if separator else (Path(text).name, text)
        if row in vocoders:
            raise ValueError(f"vocoders: {row} stands there twice; write ROW=VOCODER")
        vocoders[row] = spec
    return vocoders


def report_vocoders(
    data_dir: str | Path,
    output_dir: str | Path,
    results_path: str | Path,
    *,
    vocoders: Sequence[str],
    table: str,
    protocol: str,
    num_workers: int = 1,
    device: str = "cpu",
) -> None:
    """Resynthesise a data directory with every vocoder and add a table of their scores.

    A rerun keeps audio that is complete and of the same vocoder.

    Args:
        data_dir: with ``wav.scp``, 16 kHz.
        output_dir: gets ``mel/``, for each row ``<row>/wav`` and ``<row>/scores.tsv``.
        results_path: the jsonl.
        vocoders: see ``parse_vocoders`` and ``build_vocoder``.
        table: title; says ``synthetic`` where the data are.
        protocol: what the vocoder was trained on.
        num_workers: processes; use 1 with a GPU.
        device: of a HiFi-GAN.

    Raises:
        ValueError: a file is too short for a mel, or a vocoder is none; the message names it.
    """
    rows = parse_vocoders(vocoders)
    for spec in rows.values():
        build_vocoder(spec, device)  # what is none ends here, with nothing done
    output_dir = Path(output_dir)
    wavs = read_data_directory(data_dir, names=[]).table("wav.scp")
    shared = read_speakers_and_sentences(data_dir, wavs)
    mel_scp = _write_mels(wavs, output_dir, num_workers)
    records = environment_records(device)
    for row, spec in rows.items():
        folder = output_dir / row
        vocode_mels(mel_scp, folder, vocoder=spec, num_workers=num_workers, device=device)
        made = read_table(folder / "wav.scp")
        scores = score_resynthesis_files([(made[key], wavs[key]) for key in wavs], num_workers)
        scores_by_key = dict(zip(wavs, scores, strict=True))
        _write_scores(folder / "scores.tsv", scores_by_key)
        found = records_of(
            COLUMNS,
            [
                Row(
                    row,
                    scores,
                    f"{protocol}; vocoder {spec}",
                    shared,
                    relative_path(folder / "scores.tsv", results_path),
                )
            ],
            table=table,
            commit=git_commit(),
            is_rounded=False,
        )
        logger.info("%s: %s", row, ", ".join(f"{r.metric} {r.value:.3f} {r.unit}" for r in found))
        records += found
    append_records(results_path, records, replace_tables=[table])


def _write_mels(wavs: Mapping[str, str], output_dir: Path, num_workers: int) -> Path:
    """Write the mel of each file that has none younger than it; return the table of them."""
    paths = {key: output_dir / "mel" / f"{key}.npy" for key in wavs}
    missing = [
        (wavs[key], str(path))
        for key, path in paths.items()
        if not path.is_file() or path.stat().st_mtime < Path(wavs[key]).stat().st_mtime
    ]
    for _ in parallel_map(
        _write_mel, missing, description="mel", num_workers=num_workers, start_method="spawn"
    ):
        pass
    write_table(output_dir / "mel.scp", paths)
    return output_dir / "mel.scp"


def _write_mel(job: tuple[str, str]) -> None:
    wav, path = job
    try:
        mel = log_mel(read_audio(wav))
    except ValueError as error:
        raise ValueError(f"{wav}: {error}; leave it out with the length filter") from error
    with atomic_path(path) as temporary:
        np.save(temporary, mel)


def _write_scores(path: Path, scores: Mapping[str, ResynthesisScore]) -> None:
    """Write every utterance's scores, from which the table can be rebuilt."""
    with atomic_open(path) as stream:
        stream.write("\t".join(["utterance", *SCORES]) + "\n")
        for key, score in scores.items():
            values = [f"{getattr(score, name):.6g}" for name in SCORES]
            stream.write("\t".join([key, *values]) + "\n")


# Scores of speaker vectors: do they tell speakers, and do they tell emotions?


def _score(name: str, scale: float = 1.0) -> Callable[[SpeakerVectorScores], Estimate | None]:
    def value(scores: SpeakerVectorScores) -> Estimate | None:
        found = scores.as_dict()[name]
        return None if found is None else Estimate(scale * float(found), scores.utterances)

    return value


SPEAKER_COLUMNS = (
    Column(
        "EER",
        _score("equal_error_rate", 100),
        "%",
        "lower",
        "equal error rate of the cosine over all pairs of utterances, same voice or not.",
    ),
    Column(
        "EER across emotions",
        _score("cross_emotion_equal_error_rate", 100),
        "%",
        "lower",
        "the same over pairs that differ in emotion, and in text where texts are known.",
    ),
    Column(
        "cosine, same emotion",
        _score("same_voice_same_emotion"),
        "",
        "higher",
        "mean cosine over pairs of one voice and one emotion, different texts.",
    ),
    Column(
        "cosine, other emotion",
        _score("same_voice_other_emotion"),
        "",
        "higher",
        "mean cosine over pairs of one voice and two emotions, different texts.",
    ),
    Column(
        "cosine, other voice",
        _score("other_voice"),
        "",
        "lower",
        "mean cosine over pairs of two voices.",
    ),
    Column(
        "emotion read",
        _score("emotion_accuracy", 100),
        "%",
        "lower",
        "class-mean accuracy of logistic regression from the vector to the emotion, speakers "
        "held out in up to 5 folds.",
    ),
    Column(
        "chance",
        _score("emotion_chance", 100),
        "%",
        "",
        "class-mean accuracy of guessing, 1 / emotions.",
    ),
)


def report_speaker_vectors(
    data_dirs: Sequence[str | Path], results_path: str | Path, *, table: str, protocol: str
) -> None:
    """Score the ``spk_embed.scp`` of data directories and add one row each to a table.

    Args:
        data_dirs: rows are named after them; of each ``utt2spk`` and, where present,
            ``utt2emo`` and ``text`` are read.
        results_path: ``results.jsonl``.
        table: title; says ``synthetic`` where the data are.
        protocol: which encoder, trained on what.

    Raises:
        ValueError: a directory has no vectors yet, or too few utterances to score.
    """
    commit = git_commit()
    records: list[Record] = []
    for data_dir in data_dirs:
        scores = score_data_directory(data_dir)
        settings = (
            f"{protocol}; {scores.utterances} of {scores.listed} utterances, {scores.speakers} "
            f"speakers, {scores.trials} pairs"
        )
        source = relative_path(Path(data_dir) / "spk_embed.scp", results_path)
        row = Row(Path(data_dir).name, [scores], settings, source=source)
        found = records_of(SPEAKER_COLUMNS, [row], table=table, commit=commit)
        texts = (f"{r.metric} {r.value:.3g} {r.unit}".strip() for r in found)
        logger.info("%s: %s", data_dir, ", ".join(texts))
        records += found
    append_records(results_path, records)
