"""Convert any recording of any length with a trained model: no data directory, no tables."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)

# isort: split
from espnet2_ext.data.any_audio import read_any_audio
from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.prosody2vec.contrast import Contrast
from espnet2_ext.prosody2vec.converter import ConversionRequest, Prosody2VecConverter
from espnet2_ext.prosody2vec.generation import GenerationLimits
from espnet2_ext.prosody2vec.pause_splitting import (
    SILENCE_DB,
    Segment,
    check_max_segment_s,
    frame_powers,
    join_converted,
    quiet_frames,
    split_at_pauses,
)
from espnet2_ext.prosody2vec.prosody_mix import average_prosody
from espnet2_ext.speaker.encoder import SpeakerEncoder, build_speaker_encoder
from espnet2_ext.tasks.trained_files import TrainedFiles, find_trained_files
from espnet2_ext.units.encode import UnitEncoderPipeline
from espnet2_ext.vocoder import Vocoder, build_vocoder
from espnet2_ext.vocoder.mel_settings import MelSettings, check_vocoder_mel

logger = logging.getLogger(__name__)

MIN_DURATION_S = 0.1
"""Shortest recording taken, as in the recipes' length filter."""
BATCH_SIZE = 8
"""Segments generated at a time; what is said does not depend on it."""


@dataclass(frozen=True)
class AnyConversion:
    """A converted recording.

    Attributes:
        waveform: (N',) float32 at 16 kHz.
        segments: how the source was split; its pauses are in the waveform as silence.
        not_stopped: segments of speech whose end was cut by the limit on length.
    """

    waveform: np.ndarray
    segments: list[Segment]
    not_stopped: list[Segment]


class AnyConverter:
    """Units, prosody and speaker vectors made on the fly, and long sources split at pauses.

    Source: [P2V] V and Fig. 6.
    Deviation: any length, by pause splitting; prosody vectors may be mixed (prosody_mix.py).

    Args:
        converter: of the trained model.
        unit_encoder: with the model's own k-means.
        speaker_encoder: whose vectors the model was trained on.
        vocoder: for the model's mel.
        max_segment_s: longest stretch converted at once, about as long as what training had;
            3 to 60.

    Raises:
        ValueError: max_segment_s is out of range.

    Example:
        >>> converter = AnyConverter.from_file("exp/p2v/valid.loss.best.pth")  # doctest: +SKIP
        >>> source = read_speech("me.m4a", "source")  # doctest: +SKIP
        >>> angry = converter.prosody(["angry.wav"])  # doctest: +SKIP
        >>> result = converter.convert(source, angry, converter.speaker("me.m4a"))
        ... # doctest: +SKIP
    """

    def __init__(
        self,
        converter: Prosody2VecConverter,
        unit_encoder: UnitEncoderPipeline,
        speaker_encoder: SpeakerEncoder,
        vocoder: Vocoder,
        max_segment_s: float = 10.0,
    ):
        check_max_segment_s(max_segment_s)
        self.converter = converter
        self.unit_encoder = unit_encoder
        self.speaker_encoder = speaker_encoder
        self.vocoder = vocoder
        converter.vocoder_name = vocoder.name
        self.max_segment_s = max_segment_s

    @classmethod
    def from_file(
        cls,
        model_file: str | Path,
        train_config: str | Path | None = None,
        *,
        centroids: str | Path | None = None,
        speaker_encoder: str | None = None,
        vocoder: str = "griffin_lim",
        max_segment_s: float = 10.0,
        restore_contrast: bool | None = None,
        limits: GenerationLimits = GenerationLimits(),
        device: str = "cpu",
    ) -> "AnyConverter":
        """Return the converter of a trained model.

        Args:
            model_file: see ``find_trained_files``, as for the next three.
            train_config: see there.
            centroids: see there.
            speaker_encoder: see there.
            vocoder: see ``build_vocoder``.
            max_segment_s: see the class.
            restore_contrast: give mels back what ``<model>.contrast.json`` says they lack
                (contrast.py); not in paper. None does so where that file is.
            limits: of generation.
            device: of model, unit upstream and vocoder.

        Raises:
            FileNotFoundError: a file of the model is missing, or its contrast is to be
                restored and was not measured.
            ValueError: units, speaker vectors or vocoder are not those of the model; one line.
        """
        check_max_segment_s(max_segment_s)
        files = find_trained_files(
            model_file, train_config, centroids=centroids, speaker_encoder=speaker_encoder
        )
        check_vocoder_mel(vocoder, MelSettings.of_model(files.config["features_conf"]))
        unit_encoder = UnitEncoderPipeline.from_file(files.centroids, device=device)
        _check_units(files, unit_encoder)
        speaker = build_speaker_encoder(files.speaker_encoder, device)
        if speaker.dim != files.config["speaker_dim"]:
            raise ValueError(
                f"{files.speaker_encoder}: gives vectors of {speaker.dim} values, the model takes "
                f"{files.config['speaker_dim']}; give the encoder of the training"
            )
        converter = _load(files, limits, device, restore_contrast)
        if converter.contrast is not None and vocoder not in converter.contrast.lost_level_db:
            logger.warning(
                f"{files.contrast}: does not know what level {vocoder} loses; left as it is"
            )
        return cls(converter, unit_encoder, speaker, build_vocoder(vocoder, device), max_segment_s)

    def prosody(self, files: Sequence[str | Path]) -> np.ndarray:
        """Return the prosody vector (P,) of a reference, the average of several.

        Raises: see ``read_speech``.
        """
        waveforms = [read_speech(path, "prosody reference") for path in files]
        vectors = [self.converter.prosody_embeddings([w])[0].cpu().numpy() for w in waveforms]
        return average_prosody(vectors)

    def speaker(self, file: str | Path) -> np.ndarray:
        """Return the speaker vector (speaker_dim,) of a recording.

        Raises: see ``read_speech``.
        """
        return self.speaker_encoder(read_speech(file, "recording of the speaker"))

    def convert(
        self, source: np.ndarray, prosody_embedding: np.ndarray, speaker_embedding: np.ndarray
    ) -> AnyConversion:
        """Return the source's words in the given prosody and voice.

        All segments are said with the same prosody vector; pauses of the source that lie
        between them keep their length.

        Args:
            source: (N,) at 16 kHz, of any length.
            prosody_embedding: (P,).
            speaker_embedding: (speaker_dim,).

        Raises:
            ValueError: the source holds no sound, or is too short for a unit.
        """
        segments = split_at_pauses(source, self.max_segment_s)
        speech = [segment for segment in segments if not segment.is_pause]
        requests = [
            ConversionRequest(
                self.unit_encoder.encode(source[segment.start : segment.stop])[0],
                None,
                speaker_embedding,
                prosody_embedding,
            )
            for segment in speech
        ]
        order = sorted(range(len(speech)), key=lambda index: len(requests[index].units))
        said: dict[Segment, np.ndarray] = {}
        not_stopped = []
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            conversions = self.converter.convert([requests[index] for index in batch])
            for index, conversion in zip(batch, conversions, strict=True):
                said[speech[index]] = self.vocoder(conversion.mel)
                if not conversion.is_stopped:
                    not_stopped.append(speech[index])
        waveform = join_converted(segments, said.__getitem__)
        return AnyConversion(waveform, segments, sorted(not_stopped, key=lambda each: each.start))


def read_speech(path: str | Path, role: str) -> np.ndarray:
    """Return the waveform (N,) at 16 kHz of a file that can hold speech.

    Args:
        path: see ``read_any_audio``.
        role: what the file is for; goes into the messages.

    Raises:
        AudioError: see ``read_any_audio``.
        ValueError: the file is shorter than 0.1 s or silent.
    """
    waveform = read_any_audio(path)
    duration_s = len(waveform) / SAMPLE_RATE_HZ
    if duration_s < MIN_DURATION_S:
        raise ValueError(
            f"{path}: {duration_s:.3f} s is too short for a {role}; give at least "
            f"{MIN_DURATION_S} s, better a whole sentence"
        )
    if quiet_frames(frame_powers(waveform)).all():
        raise ValueError(
            f"{path}: silent (nothing above {SILENCE_DB:g} dB), which is no {role}; "
            "give a recording of speech"
        )
    return waveform


def _check_units(files: TrainedFiles, unit_encoder: UnitEncoderPipeline) -> None:
    """Raise unless the centroids can be those that the model was trained with."""
    centroids = unit_encoder.centroids
    for what, ours, models in (
        ("units", centroids.num_clusters, files.config["num_units"]),
        ("samples a frame", centroids.stride_samples, files.config["unit_stride_samples"]),
    ):
        if models is not None and ours != models:
            raise ValueError(
                f"{files.centroids}: {ours} {what}, the model was trained with {models}; give its "
                "own k-means file with --centroids"
            )


def _load(
    files: TrainedFiles, limits: GenerationLimits, device: str, restore_contrast: bool | None
) -> Prosody2VecConverter:
    """Return the model's converter; its configuration's paths hold in any directory."""
    if restore_contrast and files.contrast is None:
        raise FileNotFoundError(
            f"{files.model_file.with_suffix('.contrast.json')}: missing, so what is to be restored "
            "is not known; convert pairs with restore_contrast first (p2v.sh, stage 9)"
        )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as stream:
        yaml.safe_dump(files.config, stream)
        stream.flush()
        try:
            converter = Prosody2VecConverter.from_file(
                files.model_file, stream.name, limits, device
            )
        except ValueError as error:
            # The configuration that was read is a copy with absolute paths.
            raise ValueError(str(error).replace(stream.name, "its config.yaml")) from error
    if files.contrast is not None and restore_contrast is not False:
        converter.contrast = Contrast.load(files.contrast)
        logger.info(f"contrast restored as {files.contrast} says")
    return converter
