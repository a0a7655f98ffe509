"""Convert a list of pairs to mels and audio on disk, resumable pair by pair."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.data.table import write_table
from espnet2_ext.metrics.attention_path import attention_path
from espnet2_ext.prosody2vec.contrast import model_contrast
from espnet2_ext.prosody2vec.converter import Conversion, Prosody2VecConverter
from espnet2_ext.prosody2vec.generation import GenerationLimits
from espnet2_ext.prosody2vec.pair_requests import PairRequests
from espnet2_ext.prosody2vec.pairs import Pair, mix_text, read_pairs
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.mel_settings import MelSettings, check_vocoder_mel
from espnet2_ext.vocoder.training_files import vocoder_fingerprint
from espnet2_ext.vocoder.vocode import write_waveform

logger = logging.getLogger(__name__)


def convert_pairs(
    *,
    model_file: str | Path,
    train_config: str | Path | None,
    data_dir: str | Path,
    unit_tag: str,
    pairs_dir: str | Path,
    output_dir: str | Path,
    vocoder: str = "griffin_lim",
    limits: GenerationLimits = GenerationLimits(),
    batch_size: int = 16,
    num_workers: int = 1,
    device: str = "cpu",
    contrast_data_dir: str | Path | None = None,
    contrast_speaker_dir: str | Path | None = None,
) -> None:
    """Write mel, attention and audio of every pair, and ``generation.tsv`` over all.

    A rerun with the same model, tables and settings goes on where the last one ended;
    any other starts anew. Utterances that did not stop, did not consume their units or
    went back are counted in a warning.

    Args:
        model_file: see Prosody2VecConverter.
        train_config: see Prosody2VecConverter.
        data_dir: holds wav.scp, units_<tag> and spk_embed.scp of all utterances named.
        unit_tag: which units.
        pairs_dir: holds the table ``pairs`` and, for mixed prosody, ``prosody_mix``.
        output_dir: where ``wav.scp mel.scp attention.scp generation.tsv`` appear.
        vocoder: see build_vocoder.
        limits: see GenerationLimits.
        batch_size: pairs generated at a time.
        num_workers: processes of the vocoder.
        device: of the model.
        contrast_data_dir: validation set on which the lost contrast is measured, to be
            restored (see contrast.py); None leaves mels as generated.
        contrast_speaker_dir: training set, whose utterances give voices there too.

    Raises:
        FileNotFoundError: a file of the model or a table is missing.
        ValueError: the vocoder was made for another mel than the model's, or a pair names
            an utterance that the data directory lacks.
    """
    _check_model(model_file, train_config, vocoder)
    output_dir = Path(output_dir)
    pairs = read_pairs(Path(pairs_dir) / "pairs")
    settings = {
        "model": hashlib.sha256(Path(model_file).read_bytes()).hexdigest(),
        "data_dir": str(data_dir),
        "tables": _hash_of_tables(Path(data_dir), unit_tag),
        "vocoder": f"{vocoder} {vocoder_fingerprint(vocoder)}".rstrip(),
        "limits": asdict(limits),
        "batch_size": batch_size,
        "pairs": hashlib.sha256(repr(list(pairs)).encode()).hexdigest(),
        "contrast": None,
    }
    if contrast_data_dir:
        settings["contrast"] = [
            str(contrast_data_dir),
            str(contrast_speaker_dir or ""),
            _hash_of_tables(Path(contrast_data_dir), unit_tag),
        ]
    _start_anew_if_changed(output_dir, pairs, settings)
    if not all(_record_path(output_dir, pair).exists() for pair in pairs):
        converter = Prosody2VecConverter.from_file(model_file, train_config, limits, device)
        if contrast_data_dir:
            converter.vocoder_name = vocoder
            model_contrast(
                converter,
                model_file,
                contrast_data_dir,
                unit_tag,
                build_vocoder(vocoder, device),
                speaker_dir=contrast_speaker_dir or None,
                batch_size=batch_size,
            )
        _generate(converter, pairs, Path(data_dir), unit_tag, output_dir, batch_size)
    _vocode_missing(pairs, output_dir, vocoder, num_workers)
    _write_tables(output_dir, pairs)


def _hash_of_tables(data_dir: Path, unit_tag: str) -> str:
    """Return a hash of what the tables say of units, audio and vectors; those that are there."""
    digest = hashlib.sha256()
    for name in (f"units_{unit_tag}", "wav.scp", "utt2num_samples", "spk_embed.scp"):
        table = data_dir / name
        digest.update(table.read_bytes() if table.is_file() else b"")
    return digest.hexdigest()


def _check_model(model_file: str | Path, train_config: str | Path | None, vocoder: str) -> None:
    """Raise unless the model is there and the vocoder inverts its mel; loads neither."""
    if not Path(model_file).is_file():
        raise FileNotFoundError(f"{model_file}: no such model; train one first (stage 8)")
    config_path = train_config or Path(model_file).parent / "config.yaml"
    check_vocoder_mel(vocoder, MelSettings.of_training(config_path))


def _generate(
    converter: Prosody2VecConverter,
    pairs: Sequence[Pair],
    data_dir: Path,
    unit_tag: str,
    output_dir: Path,
    batch_size: int,
) -> None:
    """Write mel, attention and a record for each pair, batches of like length together.

    Batches are the same in every run and a begun one is done again whole: the last bits
    of a result depend on its batch, and a rerun should give the files of an undisturbed run.
    """
    tables = PairRequests(data_dir, unit_tag, converter)
    tables.check(pairs)
    ordered = sorted(pairs, key=tables.num_units)
    with tqdm(total=len(ordered), desc="generate", dynamic_ncols=True) as bar:
        for start in range(0, len(ordered), batch_size):
            batch = ordered[start : start + batch_size]
            bar.update(len(batch))
            if all(_record_path(output_dir, pair).exists() for pair in batch):
                continue
            conversions = converter.convert(tables.requests(batch))
            for pair, conversion in zip(batch, conversions, strict=True):
                _save(output_dir, pair, conversion, converter.model.decoder.reduction_factor)


def _save(output_dir: Path, pair: Pair, conversion: Conversion, reduction_factor: int) -> None:
    """Write the arrays of a pair, and last of all the record that says they are complete."""
    for kind, array in (("mel", conversion.mel), ("attention", conversion.attention)):
        with atomic_open(output_dir / kind / f"{pair.pair_id}.npy", "wb") as stream:
            np.save(stream, array)
    steps, unit_steps = conversion.attention.shape
    path = attention_path(conversion.attention)
    record = {
        **asdict(pair),
        "mix": mix_text(pair.mix),
        "unit_steps": unit_steps,
        "decoder_steps": steps,
        "reduction_factor": reduction_factor,
        "forward_share": round(path.forward_share, 6),
        "consumed_share": round(path.consumed_share, 6),
        "stopped": int(conversion.is_stopped),
        "looped": int(path.looped),
    }
    with atomic_open(_record_path(output_dir, pair)) as stream:
        json.dump(record, stream)


def _vocode_missing(
    pairs: Sequence[Pair], output_dir: Path, vocoder: str, num_workers: int
) -> None:
    """Write the audio of every pair that has none."""
    silent = [pair.pair_id for pair in pairs if not _wav_path(output_dir, pair.pair_id).exists()]
    for _ in parallel_map(
        partial(_vocode_file, vocoder=vocoder, output_dir=output_dir),
        silent,
        description="vocoder",
        num_workers=num_workers,
        initializer=torch.set_num_threads,
        initializer_arguments=(1,),
        # Griffin-Lim runs in torch, whose threads do not survive a fork.
        start_method="spawn",
    ):
        pass


def _vocode_file(pair_id: str, vocoder: str, output_dir: Path) -> None:
    """Write the audio of a pair's mel."""
    mel = np.load(output_dir / "mel" / f"{pair_id}.npy")
    waveform = build_vocoder(vocoder)(mel)
    write_waveform(_wav_path(output_dir, pair_id), waveform)


def _write_tables(output_dir: Path, pairs: Sequence[Pair]) -> None:
    """Write the tables over all pairs and warn of what went wrong."""
    records = [
        json.loads(_record_path(output_dir, pair).read_text(encoding="utf-8")) for pair in pairs
    ]
    for kind, suffix in (("wav", "wav"), ("mel", "npy"), ("attention", "npy")):
        write_table(
            output_dir / f"{kind}.scp",
            {pair.pair_id: output_dir / kind / f"{pair.pair_id}.{suffix}" for pair in pairs},
        )
    with atomic_open(output_dir / "generation.tsv") as stream:
        stream.write("\t".join(records[0]) + "\n")
        for record in records:
            stream.write("\t".join(str(value) for value in record.values()) + "\n")
    for what, bad in (
        ("did not stop", [r for r in records if not r["stopped"]]),
        ("did not consume their units", [r for r in records if r["consumed_share"] < 0.95]),
        ("looped", [r for r in records if r["looped"]]),
    ):
        if bad:
            names = ", ".join(record["pair_id"] for record in bad[:3])
            logger.warning(f"{output_dir}: {len(bad)} of {len(records)} {what}: {names}")


def _start_anew_if_changed(
    output_dir: Path, pairs: Sequence[Pair], settings: Mapping[str, object]
) -> None:
    """Remove the records of an earlier run that used another model or other settings."""
    path = output_dir / "settings.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) == settings:
        return
    for pair in pairs:
        _record_path(output_dir, pair).unlink(missing_ok=True)
        _wav_path(output_dir, pair.pair_id).unlink(missing_ok=True)
    with atomic_open(path) as stream:
        json.dump(settings, stream, indent=1)


def _record_path(output_dir: Path, pair: Pair) -> Path:
    return output_dir / "record" / f"{pair.pair_id}.json"


def _wav_path(output_dir: Path, pair_id: str) -> Path:
    return output_dir / "wav" / f"{pair_id}.wav"
