"""Vocoders on the same true mels: audio to listen to, and one row each in a table."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.directory import read_data_directory
from espnet2_ext.data.parallel import atomic_open, atomic_path, parallel_map
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.metrics.speaker import SpeakerVectorScores, score_data_directory
from espnet2_ext.metrics.spectrum import ResynthesisScore, score_resynthesis_files
from espnet2_ext.metrics.statistics import Crossing, read_speakers_and_sentences
from espnet2_ext.report.records import Record, append_records, environment_records, git_commit
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.mel import log_mel
from espnet2_ext.vocoder.vocode import vocode_mels

# ---------------------------------------------------------------- vocoder results

logger = logging.getLogger(__name__)

METRICS = (
    (
        "mcd_db",
        "MCD",
        "dB",
        "definition paper: WORLD every 5 ms, 24 mel-cepstral coefficients without c0, exact "
        "warping over frames of speech; resynthesis against the original.",
    ),
    (
        "log_mel_error",
        "log-mel error",
        "",
        "mean over frames and bands of the distance between the natural-log mels of "
        "resynthesis and original.",
    ),
)
"""Score, column, unit, definition; less is better in both."""


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
        found = _records(scores, shared, table, row, f"{protocol}; vocoder {spec}")
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
        stream.write("\t".join(["utterance", *(name for name, *_ in METRICS)]) + "\n")
        for key, score in scores.items():
            values = [f"{getattr(score, name):.6g}" for name, *_ in METRICS]
            stream.write("\t".join([key, *values]) + "\n")


def _records(
    scores: Sequence[ResynthesisScore], shared: Crossing, table: str, row: str, protocol: str
) -> list[Record]:
    """Return a record for each metric: the mean and its interval."""
    commit, records = git_commit(), []
    for name, metric, unit, definition in METRICS:
        values = np.array([getattr(score, name) for score in scores])
        low, high = shared.interval(values)
        records.append(
            Record(
                table=table,
                row=row,
                metric=metric,
                value=float(values.mean()),
                unit=unit,
                n=len(values),
                definition=definition,
                protocol=protocol,
                commit=commit,
                low=low,
                high=high,
                better="lower",
                drawn=shared.text(),
            )
        )
    return records


# ---------------------------------------------------------------- speaker results
# Scores of speaker vectors as records: do they tell speakers, and do they tell emotions?


_COLUMNS = (
    (
        "equal_error_rate",
        "EER",
        "%",
        "lower",
        "equal error rate of the cosine over all pairs of utterances, same voice or not.",
    ),
    (
        "cross_emotion_equal_error_rate",
        "EER across emotions",
        "%",
        "lower",
        "the same over pairs that differ in emotion, and in text where texts are known.",
    ),
    (
        "same_voice_same_emotion",
        "cosine, same emotion",
        "",
        "higher",
        "mean cosine over pairs of one voice and one emotion, different texts.",
    ),
    (
        "same_voice_other_emotion",
        "cosine, other emotion",
        "",
        "higher",
        "mean cosine over pairs of one voice and two emotions, different texts.",
    ),
    ("other_voice", "cosine, other voice", "", "lower", "mean cosine over pairs of two voices."),
    (
        "emotion_accuracy",
        "emotion read",
        "%",
        "lower",
        "class-mean accuracy of logistic regression from the vector to the emotion, speakers "
        "held out in up to 5 folds.",
    ),
    ("emotion_chance", "chance", "%", "", "class-mean accuracy of guessing, 1 / emotions."),
)
"""Score, column, unit, which is better, definition."""


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
        row = Path(data_dir).name
        records += speaker_vector_records(scores, table, row, protocol, commit)
        found = (f"{r.metric} {r.value:.3g} {r.unit}".strip() for r in records if r.row == row)
        logger.info("%s: %s", data_dir, ", ".join(found))
    append_records(results_path, records)


def speaker_vector_records(
    scores: SpeakerVectorScores, table: str, row: str, protocol: str, commit: str
) -> list[Record]:
    """Return one record for each score that the labels allow."""
    values = scores.as_dict()
    settings = (
        f"{protocol}; {scores.utterances} of {scores.listed} utterances, {scores.speakers} "
        f"speakers, {scores.trials} pairs"
    )
    records = []
    for name, metric, unit, better, definition in _COLUMNS:
        value = values[name]
        if value is None:
            continue
        value = round(float(value) * (100 if unit == "%" else 1), 6)
        records.append(
            Record(
                table=table,
                row=row,
                metric=metric,
                value=value,
                unit=unit,
                n=scores.utterances,
                definition=definition,
                protocol=settings,
                commit=commit,
                better=better,
            )
        )
    return records
