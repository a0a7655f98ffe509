"""Convert recordings of any length with a trained model: no data directory, no tables.

Long speech is split at its pauses into segments about as long as the training's utterances.
Not in paper: [P2V] converts single utterances. Attention and memory grow with length, and
utterances above some seconds are left out of training.
"""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.conversion.converter import (
    ConversionRequest,
    Prosody2VecConverter,
    VarianceCompensation,
    average_prosody,
    scale_intensity,
)
from espnet2_ext.conversion.trained_model import TrainedFiles, find_trained_files
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_any_audio
from espnet2_ext.metrics.pitch import f0_contour
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.speaker.encoder import SpeakerEncoder, build_speaker_encoder
from espnet2_ext.units.centroids import UnitEncoderPipeline
from espnet2_ext.vocoder import Vocoder, build_vocoder
from espnet2_ext.vocoder.settings import MelSettings, check_vocoder_mel
from espnet2_ext.vocoder.vocode import write_waveform

logger = logging.getLogger(__name__)

# ---------------------------------------------------------------- pause splitting

FRAME_SAMPLES = SAMPLE_RATE_HZ * 20 // 1000
HOP_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
PAUSE_RANGE_DB = 40.0
"""Frames weaker than the strongest one by more than this are pauses."""
SILENCE_DB = -70.0
"""Frames below this are always silent; 16-bit dither lies below -90 dB."""
LONG_PAUSE_S = 1.0
"""Pauses from here on are taken out: units without repeats do not encode their length."""
MARGIN_S = 0.1
"""How much of a pause stays on either side of it, for sounds that begin softly."""
MIN_SEGMENT_S = 3.0
MAX_SEGMENT_S = 60.0
"""Bounds of the longest segment; attention was trained on some seconds."""
SMOOTHING_S = 0.1
"""A cut goes where this much sound is weakest."""


@dataclass(frozen=True)
class Segment:
    """Samples ``start`` to ``stop`` of a waveform; ``is_pause`` if without speech."""

    start: int
    stop: int
    is_pause: bool

    @property
    def num_samples(self) -> int:
        return self.stop - self.start


def split_at_pauses(waveform: np.ndarray, max_segment_s: float) -> list[Segment]:
    """Return segments of speech and of pause that together are the whole waveform (N,) at 16 kHz.

    Pauses of 1 s and more become segments of their own, less the 0.1 s on either side that
    stay with the speech. Speech that is still longer than ``max_segment_s`` (3 to 60) is cut where
    it is weakest in the second half of the allowed length; a pause around the cut becomes a
    segment likewise. Where there is no pause (music, noise), it is just cut.

    Raises:
        ValueError: the limit is out of range, or the waveform is silent.
    """
    check_max_segment_s(max_segment_s)
    powers = frame_powers(waveform)
    is_quiet = quiet_frames(powers)
    if is_quiet.all():
        raise ValueError(f"no sound above {SILENCE_DB:g} dB in {len(waveform)} samples")
    max_samples = int(max_segment_s * SAMPLE_RATE_HZ)
    quiet = _runs(is_quiet, len(waveform))
    cuts = [run for run in quiet if run.num_samples >= LONG_PAUSE_S * SAMPLE_RATE_HZ]
    segments = _around([_without_margins(run, len(waveform)) for run in cuts], len(waveform))
    smooth = _smoothed(powers)
    result: list[Segment] = []
    for segment in segments:
        result += [segment] if segment.is_pause else _cut(segment, smooth, quiet, max_samples)
    return result


def check_max_segment_s(max_segment_s: float) -> None:
    """Raise ValueError unless a longest segment is in range."""
    if not MIN_SEGMENT_S <= max_segment_s <= MAX_SEGMENT_S:
        raise ValueError(
            f"max_segment_s {max_segment_s:g}: must lie in {MIN_SEGMENT_S:g} to {MAX_SEGMENT_S:g}, "
            "whole phrases about as long as the training's"
        )


def frame_powers(waveform: np.ndarray) -> np.ndarray:
    """Return the mean power (F,) of frames of 20 ms every 10 ms, the last ones shorter."""
    total = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype=np.float64))])
    starts = np.arange(0, max(len(waveform), 1), HOP_SAMPLES)
    stops = np.minimum(starts + FRAME_SAMPLES, len(waveform))
    return np.maximum(total[stops] - total[starts], 0.0) / np.maximum(stops - starts, 1)


def quiet_frames(powers: np.ndarray) -> np.ndarray:
    """Return which frames (F,) are pauses: 40 dB below the strongest, or below -70 dB."""
    relative = powers.max() * 10.0 ** (-PAUSE_RANGE_DB / 10.0)
    return powers <= max(relative, 10.0 ** (SILENCE_DB / 10.0))


def _smoothed(powers: np.ndarray) -> np.ndarray:
    """Return powers (F,) averaged over 0.1 s."""
    width = round(SMOOTHING_S * SAMPLE_RATE_HZ / HOP_SAMPLES) // 2 * 2 + 1
    padded = np.pad(powers, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")


def _runs(is_quiet: np.ndarray, num_samples: int) -> list[Segment]:
    """Return the runs of quiet frames, in samples."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_quiet.astype(int), [0]])))
    frames = zip(edges[::2], edges[1::2], strict=True)
    reach = FRAME_SAMPLES - HOP_SAMPLES  # of the last quiet frame beyond the next one's start
    return [
        Segment(int(start) * HOP_SAMPLES, min(int(stop) * HOP_SAMPLES + reach, num_samples), True)
        for start, stop in frames
    ]


def _without_margins(pause: Segment, num_samples: int) -> Segment:
    """Return the pause without the margins that stay with the speech beside it."""
    margin = min(int(MARGIN_S * SAMPLE_RATE_HZ), pause.num_samples // 2)
    return Segment(
        pause.start + (margin if pause.start > 0 else 0),
        pause.stop - (margin if pause.stop < num_samples else 0),
        True,
    )


def _around(pauses: Sequence[Segment], stop: int, start: int = 0) -> list[Segment]:
    """Return the pauses and the speech between them, from start to stop."""
    segments = []
    position = start
    for pause in pauses:
        if pause.start > position:
            segments.append(Segment(position, pause.start, False))
        if pause.num_samples > 0:
            segments.append(pause)
        position = pause.stop
    if position < stop:
        segments.append(Segment(position, stop, False))
    return segments


def _cut(
    segment: Segment, smooth: np.ndarray, quiet: Sequence[Segment], max_samples: int
) -> list[Segment]:
    """Return the segment in pieces of at most ``max_samples``, with the pauses between."""
    pauses = []
    position = segment.start
    while segment.stop - position > max_samples:
        # The last piece keeps a second, enough for units and vectors.
        first = position + max_samples // 2
        last = min(position + max_samples, segment.stop - SAMPLE_RATE_HZ)
        frames = np.arange(-(-first // HOP_SAMPLES), last // HOP_SAMPLES + 1)
        weakest = frames[smooth[frames].argmin()]
        cut = int(weakest) * HOP_SAMPLES
        around = [run for run in quiet if run.start <= cut < run.stop]
        pause = _without_margins(around[0], segment.stop) if around else Segment(cut, cut, True)
        if not position < pause.start <= position + max_samples:
            pause = Segment(cut, cut, True)
        pauses.append(pause)
        position = pause.stop
    return _around(pauses, segment.stop, segment.start)


# ---------------------------------------------------------------- converter

MIN_DURATION_S = 0.1
"""Shortest recording taken, as in the recipes' length filter."""
BATCH_SIZE = 8
"""Segments generated at a time; results do not depend on it."""


@dataclass(frozen=True)
class AnyConversion:
    """A converted recording."""

    waveform: np.ndarray  # (N',) float32 at 16 kHz
    segments: list[Segment]  # of the source; its pauses are silence in the waveform
    not_stopped: list[Segment]  # segments of speech cut by a limit on length


class AnyConverter:
    """Convert waveforms: units, prosody and speaker vectors on the fly, long sources in segments.

    Source: [P2V] V and Fig. 6. Deviation: sources of any length; prosody vectors may be mixed.

    Units, speaker encoder and vocoder are those that the model was trained with or for.
    ``max_segment_s``, the longest segment converted at once, is 3 to 60 and best about as long as
    the utterances of the training.

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
        variance_compensation: bool | None = None,
        limits: GenerationLimits = GenerationLimits(),
        device: str = "cpu",
    ) -> "AnyConverter":
        """Return the converter of a model, see ``find_trained_files`` and ``build_vocoder``.

        ``variance_compensation`` restores what ``<model>.contrast.json`` measured as lost (not in
        paper); None does so where that file is.

        Raises:
            FileNotFoundError: a file of the model is missing, or its lost variance is to be
                restored and was not measured.
            ValueError: units, speaker vectors, vocoder or compensation are not those of the model.
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
        converter = _load(files, limits, device, variance_compensation)
        if (
            converter.compensation is not None
            and vocoder not in converter.compensation.lost_level_db
        ):
            logger.warning(
                f"{files.compensation}: does not know what level {vocoder} loses; left as it is"
            )
        return cls(converter, unit_encoder, speaker, build_vocoder(vocoder, device), max_segment_s)

    def prosody(self, files: Sequence[str | Path]) -> np.ndarray:
        """Return the prosody vector (P,) of recordings, averaged; raises as ``read_speech``."""
        waveforms = [read_speech(path, "prosody reference") for path in files]
        vectors = [self.converter.prosody_embeddings([w])[0].cpu().numpy() for w in waveforms]
        return average_prosody(vectors)

    def speaker(self, file: str | Path) -> np.ndarray:
        """Return the speaker vector (speaker_dim,) of a recording; raises as ``read_speech``."""
        return self.speaker_encoder(read_speech(file, "recording of the speaker"))

    def convert(
        self, source: np.ndarray, prosody_embedding: np.ndarray, speaker_embedding: np.ndarray
    ) -> AnyConversion:
        """Return the words of a source (N,) at 16 kHz in the given prosody (P,) and voice.

        All segments get the same prosody vector; the pauses between them keep their length.

        Raises:
            ValueError: the source is silent, or too short for a unit.
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
        converted: dict[Segment, np.ndarray] = {}
        not_stopped = []
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            conversions = self.converter.convert([requests[index] for index in batch])
            for index, conversion in zip(batch, conversions, strict=True):
                converted[speech[index]] = self.vocoder(conversion.mel)
                if not conversion.is_stopped:
                    not_stopped.append(speech[index])
        waveform = np.concatenate(
            [
                np.zeros(segment.num_samples, dtype=np.float32)
                if segment.is_pause
                else converted[segment].astype(np.float32)
                for segment in segments
            ]
        )
        return AnyConversion(waveform, segments, sorted(not_stopped, key=lambda each: each.start))


def read_speech(path: str | Path, role: str) -> np.ndarray:
    """Return the waveform (N,) at 16 kHz of a file; messages name its role, such as ``source``.

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
    files: TrainedFiles, limits: GenerationLimits, device: str, variance_compensation: bool | None
) -> Prosody2VecConverter:
    """Return the model's converter, wherever its configuration's paths are relative to."""
    if variance_compensation and files.compensation is None:
        raise FileNotFoundError(
            f"{files.model_file.with_suffix('.contrast.json')}: missing, so what is to be restored "
            "is not known; convert pairs with variance_compensation first (p2v.sh, stage 9)"
        )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as stream:
        yaml.safe_dump(files.config, stream)
        stream.flush()
        try:
            converter = Prosody2VecConverter.from_file(
                files.model_file, stream.name, limits, device
            )
        except ValueError as error:
            # The file was a copy with absolute paths.
            raise ValueError(str(error).replace(stream.name, "its config.yaml")) from error
    if files.compensation is not None and variance_compensation is not False:
        converter.compensation = VarianceCompensation.load(files.compensation, files.model_file)
        logger.info(f"variance compensated as {files.compensation} says")
    return converter


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class ConvertedFile:
    """A converted file; waveforms are at 16 kHz."""

    source: np.ndarray
    references: list[np.ndarray]  # one a prosody file
    converted: np.ndarray
    num_not_stopped: int = 0  # segments of speech cut by a limit on length

    def summary(self) -> str:
        """Return a table of seconds and mean F0 in Hz, one line a recording."""
        rows = [("source", self.source)]
        rows += [("prosody", each) for each in self.references]
        rows += [("converted", self.converted)]
        lines = ["recording\tseconds\tmean_f0_hz"]
        for what, waveform in rows:
            mean_hz = f0_contour(waveform).mean_hz
            pitch = "unvoiced" if mean_hz is None else f"{mean_hz:.1f}"
            lines.append(f"{what}\t{len(waveform) / SAMPLE_RATE_HZ:.2f}\t{pitch}")
        return "\n".join(lines)


def convert_file(
    converter: AnyConverter,
    *,
    source: str | Path,
    prosody: Sequence[str | Path],
    out: str | Path,
    speaker: str | Path | None = None,
    intensity: float | None = None,
    interpolate_from: str | Path | None = None,
) -> ConvertedFile:
    """Write the words of ``source`` in the prosody of other files, 16 kHz 16 bit.

    Args:
        prosody: prosody references; of several, the average is taken.
        out: audio file to write, .wav or .flac.
        speaker: file whose voice is taken. None takes the source's, whose vector depends on
            its prosody too; in training it was that of another utterance ([P2V] III-B).
        intensity: 0 to 1 leads from the neutral prosody to that of ``prosody``, above 1
            beyond it; None is 1.
        interpolate_from: file that gives the neutral prosody; None takes the source.

    Raises:
        AudioError: a file is no audio.
        ValueError: a file holds no speech, interpolate_from is given without intensity, or
            ``out`` is one of the recordings or no .wav or .flac.
    """
    if interpolate_from is not None and intensity is None:
        raise ValueError(
            f"{interpolate_from}: where prosody comes from matters only with an intensity, "
            "such as --intensity 0.5"
        )
    if Path(out).suffix.lower() not in (".wav", ".flac"):
        raise ValueError(f"{out}: only .wav and .flac are written")
    recordings = [source, *prosody, *(each for each in (speaker, interpolate_from) if each)]
    if any(Path(out).resolve() == Path(each).resolve() for each in recordings):
        raise ValueError(f"{out}: is one of the recordings, which would be lost; name another")
    words = read_speech(source, "source")
    vector = converter.prosody(prosody)
    if intensity is not None:
        neutral = converter.prosody([source if interpolate_from is None else interpolate_from])
        vector = scale_intensity(neutral, vector, intensity)
    voice = converter.speaker(source if speaker is None else speaker)
    try:
        conversion = converter.convert(words, vector, voice)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    for segment in conversion.not_stopped:
        start_s, stop_s = segment.start / SAMPLE_RATE_HZ, segment.stop / SAMPLE_RATE_HZ
        logger.warning(f"{source}: {start_s:.1f} to {stop_s:.1f} s: the model found no end")
    if write_waveform(out, conversion.waveform):
        logger.warning(f"{out}: samples above full scale were clipped")
    references = [read_speech(path, "prosody reference") for path in prosody]
    num_not_stopped = len(conversion.not_stopped)
    return ConvertedFile(words, references, conversion.waveform, num_not_stopped)
