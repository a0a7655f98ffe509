"""Variance compensation: measure what generated mels lack, to be restored at conversion.

Minimising a squared error makes a model predict means where it is uncertain, so that spectra are
flatter than speech and the voice quiet and muffled. The loss is measured once, on validation
utterances generated from their own units and prosody with the voice of another utterance of their
speaker, as in training; every band is then scaled about its mean by the factor that restores its
variance. Vocoded speech is still quieter than recordings, because inconsistent frames cancel:
that level, one number a model and vocoder, is measured on the same utterances.

Not in paper. Source: the global variance of statistical parametric speech synthesis (Toda and
Tokuda 2007), here as one gain a band and model, not an utterance's.
"""

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import RidgeCV

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.conversion.converter import (
    ConversionRequest,
    Prosody2VecConverter,
    VarianceCompensation,
    file_hash,
)
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_int_table, read_table
from espnet2_ext.metrics.pitch import f0_contour
from espnet2_ext.metrics.prosody import speech_level_db
from espnet2_ext.prosody2vec.contour_tables import SpeakerStatisticsTable
from espnet2_ext.prosody2vec.explicit_model import ExplicitProsody2VecModel
from espnet2_ext.speaker.embeddings import SpeakerVectorSampler
from espnet2_ext.vocoder import Vocoder

logger = logging.getLogger(__name__)

MAX_UTTERANCES, MAX_VOCODED = 64, 24
"""Generated, taken evenly from the list, and of these vocoded for the level."""
MAX_PITCH_RANGE = 1.5
"""What is measured beyond it comes from errors of the F0 tracker."""


def speaker_regression(data_dir: str | Path) -> list[list[float]]:
    """Return (speaker_dim + 1, 3): ridge regression from a speaker vector to speaker statistics.

    For a reference of whose speaker nothing else is known; its own mean pitch would say that it
    is spoken neither high nor low. The penalty is chosen by leaving one out.
    """
    vectors = load_ark_scp(Path(data_dir) / "spk_embed.scp")
    table = SpeakerStatisticsTable.from_directory(data_dir)
    names = sorted(vectors)
    model = RidgeCV(np.logspace(-2, 4, 13)).fit(
        np.stack([vectors[name] for name in names]), np.stack([table.of_others(n) for n in names])
    )
    return np.vstack([model.coef_.T, model.intercept_]).tolist()


def log_f0_deviation(waveform: np.ndarray) -> float:
    """Return the standard deviation of the natural log of F0; nan where fewer than two frames."""
    voiced_hz = f0_contour(waveform, "dio").voiced_hz
    return float(np.log(voiced_hz).std()) if len(voiced_hz) > 1 else float("nan")


def model_compensation(
    converter: Prosody2VecConverter,
    model_file: str | Path,
    data_dir: str | Path,
    unit_tag: str,
    vocoder: Vocoder,
    *,
    speaker_dir: str | Path | None = None,
    batch_size: int = 16,
) -> VarianceCompensation:
    """Return the compensation of a model; ``<model>.contrast.json`` keeps it beside the weights.

    The converter's compensation is set to it. A ValueError says that the directory has no
    utterances, or no speaker another one.

    Args:
        data_dir: validation set: wav.scp, utt2spk, units_<tag>, spk_embed.scp and, for the
            explicit prosody path, utt2prosody.
        vocoder: whose loss of level is measured.
        speaker_dir: training set, with utt2spk and spk_embed.scp, whose utterances give
            voices too. An utterance whose speaker has no other one in either is left out.
    """
    model_file, data_dir = Path(model_file), Path(data_dir)
    units = read_int_table(data_dir / f"units_{unit_tag}")
    if not units:
        raise ValueError(
            f"{data_dir}/units_{unit_tag}: no utterances to measure the lost variance on"
        )
    sampler = SpeakerVectorSampler.from_directory(data_dir, speaker_dir, deterministic=True)
    choices = {name: sampler.choose(name) for name in units}
    usable = [name for name, other in choices.items() if other != name]
    alone = [name for name, other in choices.items() if other == name]
    where = f"{data_dir} and {speaker_dir}" if speaker_dir else str(data_dir)
    if not usable:
        raise ValueError(
            f"{data_dir}: no speaker has two utterances in {where}, so none has another's voice "
            "to measure the lost variance with; name the training set (--compensation_speaker_dir)"
        )
    if alone:
        logger.warning(
            f"variance compensation: {len(alone)} of {len(units)} utterances are left out, the "
            f"only ones of their speakers in {where}: {' '.join(alone[:10])}"
        )
    names = usable[:: -(-len(usable) // MAX_UTTERANCES)]
    voices = {name: choices[name] for name in names}
    described = repr((str(data_dir), voices, MAX_VOCODED))
    key = hashlib.sha256(model_file.read_bytes() + described.encode()).hexdigest()
    path = model_file.with_suffix(".contrast.json")
    known: dict[str, float] = {}
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("key") == key:
        converter.compensation = VarianceCompensation.load(path, model_file)
        known = dict(converter.compensation.lost_level_db)
        if vocoder.name in known:
            return converter.compensation
    wavs = read_table(data_dir / "wav.scp")
    waveforms = [read_audio(wavs[name]) for name in names]
    requests = [
        ConversionRequest(np.array(units[name]), waveform, sampler.draw(name))
        for name, waveform in zip(names, waveforms, strict=True)
    ]
    is_explicit = isinstance(converter.model, ExplicitProsody2VecModel)
    if is_explicit:
        table = SpeakerStatisticsTable.from_directory(data_dir, speaker_dir)
        of_speakers = [table.of_others(name) for name in names]
        requests = [
            replace(request, speaker_statistics=row, prosody_statistics=row)
            for request, row in zip(requests, of_speakers, strict=True)
        ]
    converter.compensation = None  # as generated, not as restored for another vocoder
    generated = [
        item.mel
        for start in range(0, len(requests), batch_size)
        for item in converter.generate(requests[start : start + batch_size])
    ]
    converter.compensation = compensation = VarianceCompensation.between(
        np.concatenate([mel.cpu().numpy() for mel in generated]),
        np.concatenate([converter.normalised_mel(waveform) for waveform in waveforms]),
    )
    some = slice(None, None, -(-len(requests) // MAX_VOCODED))
    lost_db, ranges = [], []
    for mel, waveform in zip(generated[some], waveforms[some], strict=True):
        spoken = vocoder(converter.denormalize(mel))
        lost_db.append(speech_level_db(waveform) - speech_level_db(spoken))
        ranges.append(log_f0_deviation(waveform) / max(log_f0_deviation(spoken), 1.0e-3))
    compensation.lost_level_db.update({vocoder.name: float(np.median(lost_db)), **known})
    if is_explicit and speaker_dir is not None:
        compensation = replace(compensation, speaker_regression=speaker_regression(speaker_dir))
    if is_explicit and np.isfinite(ranges).any():
        pitch_range = min(max(float(np.nanmedian(ranges)), 1.0), MAX_PITCH_RANGE)
        compensation = replace(compensation, pitch_range=pitch_range)
    converter.compensation = compensation
    compensation.save(path, key, file_hash(model_file))
    logger.info(
        f"variance compensation of {model_file}: gain {compensation.gain.mean():.2f}, level "
        f"{compensation.lost_level_db[vocoder.name]:.1f} dB with {vocoder.name}, over "
        f"{len(names)} utterances"
    )
    return compensation
