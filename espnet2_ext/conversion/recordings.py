"""Convert recordings of any length with a trained model: no data directory, no tables.

Long speech is split at its pauses into segments about as long as the training's utterances.
Not in paper: [P2V] converts single utterances. Attention and memory grow with length, and
utterances above some seconds are left out of training.
"""

import logging
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.conversion.converter import (
    ConversionRequest,
    Prosody2VecConverter,
    VarianceCompensation,
    average_prosody,
    scale_intensity,
)
from espnet2_ext.conversion.trained_model import find_trained_files
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_any_audio
from espnet2_ext.data.weights import load_weights, read_weights
from espnet2_ext.metrics.pitch import F0Contour, f0_contour
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.prosody2vec.explicit_model import ExplicitProsody2VecModel
from espnet2_ext.prosody2vec.predictor import ProsodyControl
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
LONG_PAUSE_SAMPLES = SAMPLE_RATE_HZ
"""Pauses from here on are taken out: units without repeats do not encode their length."""
MARGIN_SAMPLES = SAMPLE_RATE_HZ // 10
"""How much of a pause stays on either side of it, for sounds that begin softly."""
SMOOTHING_FRAMES = 11
"""A cut goes where this much sound is weakest."""


class Segment(NamedTuple):
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
    stay with the speech. Speech that is still longer than ``max_segment_s`` is cut where
    it is weakest in the second half of the allowed length; a pause around the cut becomes a
    segment likewise. Where there is no pause (music, noise), it is just cut. A silent waveform
    is a ValueError.
    """
    powers, num_samples = frame_powers(waveform), len(waveform)
    is_quiet = quiet_frames(powers)
    if is_quiet.all():
        raise ValueError(f"no sound above {SILENCE_DB:g} dB in {num_samples} samples")
    edges = np.flatnonzero(np.diff(is_quiet.astype(int), prepend=0, append=0)) * HOP_SAMPLES
    reach = FRAME_SAMPLES - HOP_SAMPLES  # of the last quiet frame beyond the next one's start
    quiet = [
        Segment(start, min(stop + reach, num_samples), True)
        for start, stop in edges.reshape(-1, 2).tolist()
    ]
    long = [
        _without_margins(run, num_samples) for run in quiet if run.num_samples >= LONG_PAUSE_SAMPLES
    ]
    smooth = np.convolve(
        np.pad(powers, SMOOTHING_FRAMES // 2, mode="edge"),
        np.full(SMOOTHING_FRAMES, 1.0 / SMOOTHING_FRAMES),
        mode="valid",
    )
    max_samples = int(max_segment_s * SAMPLE_RATE_HZ)
    result: list[Segment] = []
    for segment in _around(long, 0, num_samples):
        result += [segment] if segment.is_pause else _cut(segment, smooth, quiet, max_samples)
    return result


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


def _without_margins(pause: Segment, num_samples: int) -> Segment:
    """Return the pause without the margins that stay with the speech beside it."""
    margin = min(MARGIN_SAMPLES, pause.num_samples // 2)
    start = pause.start + (margin if pause.start > 0 else 0)
    return Segment(start, pause.stop - (margin if pause.stop < num_samples else 0), True)


def _around(pauses: Sequence[Segment], start: int, stop: int) -> list[Segment]:
    """Return the pauses and the speech between them, from start to stop; empty ones left out."""
    segments = []
    for pause in [*pauses, Segment(stop, stop, True)]:
        segments += [Segment(start, pause.start, False), pause]
        start = pause.stop
    return [segment for segment in segments if segment.num_samples > 0]


def _cut(
    segment: Segment, smooth: np.ndarray, quiet: Sequence[Segment], max_samples: int
) -> list[Segment]:
    """Return the segment in pieces of at most ``max_samples``, with the pauses between."""
    pauses = []
    position = segment.start
    while segment.stop - position > max_samples:
        # The last piece keeps a second, enough for units and vectors.
        first = -(-(position + max_samples // 2) // HOP_SAMPLES)
        last = min(position + max_samples, segment.stop - SAMPLE_RATE_HZ) // HOP_SAMPLES
        cut = (first + int(smooth[first : last + 1].argmin())) * HOP_SAMPLES
        around = [run for run in quiet if run.start <= cut < run.stop]
        pause = _without_margins(around[0], segment.stop) if around else Segment(cut, cut, True)
        if not position < pause.start <= position + max_samples:
            pause = Segment(cut, cut, True)
        pauses.append(pause)
        position = pause.stop
    return _around(pauses, segment.start, segment.stop)


# ---------------------------------------------------------------- converter

MIN_SEGMENT_S = 3.0
MAX_SEGMENT_S = 60.0
"""Bounds of the longest segment; attention was trained on some seconds."""
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
    predicted: F0Contour | None = None  # explicit path: F0 at the units' centres, as predicted


class AnyConverter:
    """Convert waveforms: units, prosody and speaker vectors on the fly, long sources in segments.

    Source: [P2V] V and Fig. 6. Deviation: sources of any length; prosody vectors may be mixed.

    ``max_segment_s``, the longest segment converted at once, is best about as long as the
    utterances of the training; outside 3 to 60 it is a ValueError.

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
        if not MIN_SEGMENT_S <= max_segment_s <= MAX_SEGMENT_S:
            raise ValueError(
                f"max_segment_s {max_segment_s:g}: must lie in {MIN_SEGMENT_S:g} to "
                f"{MAX_SEGMENT_S:g}, whole phrases about as long as the training's"
            )
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
        paper); None does so where that file is. FileNotFoundError where a file is missing,
        ValueError where units, speaker vectors, vocoder or compensation are not the model's.
        """
        # The task registers itself with ESPnet when imported, which takes seconds.
        from espnet2_ext.prosody2vec.task import Prosody2VecTask

        files = find_trained_files(
            model_file, train_config, centroids=centroids, speaker_encoder=speaker_encoder
        )
        check_vocoder_mel(vocoder, MelSettings.of_model(files.config["features_conf"]))
        unit_encoder = UnitEncoderPipeline.from_file(files.centroids, device=device)
        own = unit_encoder.centroids
        for what, ours, models in (
            ("units", own.num_clusters, files.config["num_units"]),
            ("samples a frame", own.stride_samples, files.config["unit_stride_samples"]),
        ):
            if models is not None and ours != models:
                raise ValueError(
                    f"{files.centroids}: {ours} {what}, the model was trained with {models}; give "
                    "its own k-means file with --centroids"
                )
        speaker = build_speaker_encoder(files.speaker_encoder, device)
        if speaker.dim != files.config["speaker_dim"]:
            raise ValueError(
                f"{files.speaker_encoder}: gives vectors of {speaker.dim} values, the model takes "
                f"{files.config['speaker_dim']}; give the encoder of the training"
            )
        if variance_compensation and files.compensation is None:
            raise FileNotFoundError(
                f"{files.model_file.with_suffix('.contrast.json')}: missing, so what is to be "
                "restored is not known; convert pairs with variance_compensation first (p2v.sh, "
                "stage 9)"
            )
        weights = read_weights(files.model_file)
        model = Prosody2VecTask.build_model(Namespace(**files.config))
        load_weights(model, weights, files.model_file, "its config.yaml")
        converter = Prosody2VecConverter(model, limits, device)
        if files.compensation is not None and variance_compensation is not False:
            kept = VarianceCompensation.load(files.compensation, files.model_file)
            converter.compensation = kept
            logger.info(f"variance compensated as {files.compensation} says")
            if vocoder not in kept.lost_level_db:
                logger.warning(
                    f"{files.compensation}: does not know what level {vocoder} loses; left as it is"
                )
        return cls(converter, unit_encoder, speaker, build_vocoder(vocoder, device), max_segment_s)

    def prosody(
        self, files: Sequence[str | Path], speaker_files: Sequence[str | Path] = ()
    ) -> np.ndarray:
        """Return the prosody vector (P,) of recordings, averaged; raises as ``read_speech``.

        ``speaker_files`` are other recordings of their speaker; see ``statistics``.
        """
        waveforms = [read_speech(path, "prosody reference") for path in files]
        rows = None
        if self.is_explicit:
            rows = [
                self.statistics(speaker_files)[0]
                if speaker_files
                else self.statistics([path], by_regression=True)[0]
                for path in files
            ]
        vectors = [
            self.converter.prosody_embeddings([waveform], rows and [rows[place]])[0].cpu().numpy()
            for place, waveform in enumerate(waveforms)
        ]
        return average_prosody(vectors)

    @property
    def is_explicit(self) -> bool:
        """Return whether the model has the explicit prosody path."""
        return isinstance(self.converter.model, ExplicitProsody2VecModel)

    def statistics(
        self, files: Sequence[str | Path], *, by_regression: bool = False
    ) -> tuple[np.ndarray, str]:
        """Return the statistics (3,) of a speaker, and in words where they come from.

        They are measured in recordings of the speaker, or predicted from their speaker vectors
        alone, as the pitch of one emotional utterance is not that of its speaker. Where that
        regression is not known (no compensation beside the weights), they are measured.
        """
        kept = self.converter.compensation
        regression = kept.speaker_regression if kept is not None else None
        if by_regression and regression is not None:
            vectors = np.stack([self.speaker(path) for path in files])
            inputs = np.append(vectors.mean(axis=0), 1.0)
            row = (inputs @ np.array(regression)).astype(np.float32)
            return row, "regression from the speaker vector"
        waveforms = [read_speech(path, "recording of the speaker") for path in files]
        number = "1 recording" if len(files) == 1 else f"{len(files)} recordings"
        return self.converter.statistics(waveforms), f"{number} of the speaker"

    def speaker(self, file: str | Path) -> np.ndarray:
        """Return the speaker vector (speaker_dim,) of a recording; raises as ``read_speech``."""
        return self.speaker_encoder(read_speech(file, "recording of the speaker"))

    def convert(
        self,
        source: np.ndarray,
        prosody_embedding: np.ndarray,
        speaker_embedding: np.ndarray,
        speaker_statistics: np.ndarray | None = None,
        source_statistics: np.ndarray | None = None,
    ) -> AnyConversion:
        """Return the words of a source (N,) at 16 kHz in the given prosody (P,) and voice.

        All segments get the same prosody vector; the pauses between them keep their length. On
        the explicit prosody path the statistics (3,) are those of the speaker who shall speak and
        of the source's own; None takes those of the source itself.
        """
        source_embedding = None
        if self.is_explicit:
            if source_statistics is None:
                source_statistics = self.converter.statistics([source])
            if speaker_statistics is None:
                speaker_statistics = source_statistics
            embeddings = self.converter.prosody_embeddings([source], [source_statistics])
            source_embedding = embeddings[0].cpu().numpy()
        segments = split_at_pauses(source, self.max_segment_s)
        requests = {
            segment: ConversionRequest(
                self.unit_encoder.encode(source[segment.start : segment.stop])[0],
                None,
                speaker_embedding,
                prosody_embedding,
                speaker_statistics=speaker_statistics,
                source_embedding=source_embedding,
                source_samples=segment.num_samples,
            )
            for segment in segments
            if not segment.is_pause
        }
        order = sorted(requests, key=lambda segment: len(requests[segment].units))
        converted = {}
        not_stopped = []
        pitches: dict[Segment, F0Contour] = {}
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            conversions = self.converter.convert([requests[segment] for segment in batch])
            for segment, conversion in zip(batch, conversions, strict=True):
                converted[segment] = self.vocoder(conversion.mel)
                if conversion.unit_prosody is not None and speaker_statistics is not None:
                    pitches[segment] = self._predicted(conversion.unit_prosody, speaker_statistics)
                if not conversion.is_stopped:
                    not_stopped.append(segment)
        parts = [
            np.zeros(each.num_samples) if each.is_pause else converted[each] for each in segments
        ]
        waveform = np.concatenate(parts, dtype=np.float32, casting="same_kind")
        predicted = None
        if pitches:
            starts_s = np.cumsum([0, *map(len, parts)]) / SAMPLE_RATE_HZ
            shifted = [
                F0Contour(pitches[each].times_s + start_s, pitches[each].f0_hz)
                for each, start_s in zip(segments, starts_s, strict=False)
                if each in pitches
            ]
            predicted = F0Contour(
                np.concatenate([each.times_s for each in shifted]),
                np.concatenate([each.f0_hz for each in shifted]),
            )
        return AnyConversion(waveform, segments, sorted(not_stopped), predicted)

    def _predicted(self, unit_prosody: np.ndarray, statistics: np.ndarray) -> F0Contour:
        """Return F0 at the centres of units, 0 where less than half of one is voiced."""
        pitch, voicing, _, frames = unit_prosody.astype(np.float64).T
        centres = np.cumsum(frames) - frames / 2
        f0_hz = np.where(voicing >= 0.5, np.exp(pitch + statistics[0]), 0.0)
        return F0Contour(centres * self.converter.model.frame_s, f0_hz)


def read_speech(path: str | Path, role: str) -> np.ndarray:
    """Return the waveform (N,) at 16 kHz of a file; messages name its role, such as ``source``."""
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


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class ConvertedFile:
    """A converted file; waveforms are at 16 kHz."""

    source: np.ndarray
    references: list[np.ndarray]  # one a prosody file
    converted: np.ndarray
    num_not_stopped: int = 0  # segments of speech cut by a limit on length
    statistics_from: Mapping[str, str] = field(default_factory=dict)
    """Explicit path: whose mean pitch, level and rate come from what."""
    predicted: F0Contour | None = None  # explicit path: F0 at the units' centres, as predicted

    def summary(self) -> str:
        """Return a table of seconds and mean F0 in Hz, one line a recording."""
        rows = [("source", self.source)]
        rows += [("prosody", each) for each in self.references]
        lines = ["recording\tseconds\tmean_f0_hz"]
        for what, waveform in [*rows, ("converted", self.converted)]:
            mean_hz = f0_contour(waveform).mean_hz
            pitch = "unvoiced" if mean_hz is None else f"{mean_hz:.1f}"
            lines.append(f"{what}\t{len(waveform) / SAMPLE_RATE_HZ:.2f}\t{pitch}")
        if self.predicted is not None and self.predicted.mean_hz:
            pitch_hz = self.predicted.voiced_hz
            share = 100 * len(pitch_hz) / len(self.predicted.f0_hz)
            lines.append(
                f"predicted: mean F0 {pitch_hz.mean():.1f} Hz, {pitch_hz.min():.0f} to "
                f"{pitch_hz.max():.0f} Hz; {share:.0f} % of units voiced"
            )
        for whose, where in self.statistics_from.items():
            lines.append(f"mean pitch, level and rate of the {whose}: {where}")
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
    speaker_wavs: Sequence[str | Path] = (),
    prosody_speaker_wavs: Sequence[str | Path] = (),
    control: ProsodyControl = ProsodyControl(),
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
        speaker_wavs: explicit path: further recordings of who shall speak, for mean pitch, level
            and rate; without them those of ``speaker`` or of the source count.
        prosody_speaker_wavs: likewise of the prosody reference's speaker; without them they are
            predicted from the reference's speaker vector.
        control: explicit path: how the conversion departs from what is predicted.
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
    if not converter.is_explicit and (
        speaker_wavs or prosody_speaker_wavs or control != ProsodyControl()
    ):
        raise ValueError(
            "speaker_wavs, pitch, range, tempo and level need a model of the explicit prosody path"
        )
    vector = converter.prosody(prosody, prosody_speaker_wavs)
    voice = source if speaker is None else speaker
    statistics: list[np.ndarray | None] = [None, None]
    statistics_from = {}
    if converter.is_explicit:
        converter.converter.control = control
        for place, (whose, file) in enumerate((("speaker", voice), ("source", source))):
            files = [file, *speaker_wavs] if file == voice else [file]
            statistics[place], statistics_from[whose] = converter.statistics(files)
        statistics_from["reference's speaker"] = converter.statistics(
            prosody_speaker_wavs or prosody, by_regression=not prosody_speaker_wavs
        )[1]
    if intensity is not None:
        neutral_file = source if interpolate_from is None else interpolate_from
        own = [source, *speaker_wavs] if interpolate_from is None and voice == source else ()
        vector = scale_intensity(converter.prosody([neutral_file], own), vector, intensity)
    try:
        conversion = converter.convert(words, vector, converter.speaker(voice), *statistics)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    for segment in conversion.not_stopped:
        start_s, stop_s = segment.start / SAMPLE_RATE_HZ, segment.stop / SAMPLE_RATE_HZ
        logger.warning(f"{source}: {start_s:.1f} to {stop_s:.1f} s: the model found no end")
    if write_waveform(out, conversion.waveform):
        logger.warning(f"{out}: samples above full scale were clipped")
    references = [read_speech(path, "prosody reference") for path in prosody]
    return ConvertedFile(
        words,
        references,
        conversion.waveform,
        len(conversion.not_stopped),
        statistics_from,
        conversion.predicted,
    )
