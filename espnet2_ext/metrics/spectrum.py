"""Mel-cepstral distortion (MCD), and what else is compared with a target frame by frame.

MCD has named definitions, which differ by a factor of two: ``paper`` is [P2V] Eq. 5 over what
sprocket calls static coefficients; ``espnet`` ESPnet's evaluate_mcd.py, with c0, so that loudness
counts; ``sprocket`` what sprocket prints when it aligns. See the functions ``..._track``.

Deviation: ESPnet and sprocket warp with FastDTW, whose path need not be the best one. Here
warping is exact; for the sounds of the test that lowers sprocket's number by 9 %.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio
from espnet2_ext.data.parallel import spawn_map
from espnet2_ext.metrics.pitch import (
    FRAME_PERIOD_S,
    F0Contour,
    f0_contour,
    f0_rmse_all_frames_hz,
    f0_rmse_voiced_hz,
    log_f0_rmse,
    pair_frame_by_frame,
)
from espnet2_ext.vocoder.mel import log_mel

MIN_STEPS, MAX_STEPS = 2, 30
THRESHOLD = 1.0e-3
"""Relative change of the residual's power at which a frame is done; SPTK's defaults."""

ORDER, ALPHA = 24, 0.41
ENVELOPE_FFT_SIZE = 1024
INT16_SCALE = 32768.0

PAPER_RANGE_DB = 20.0
SPROCKET_RANGE_DB = 15.0
"""Frames weaker than the mean power of the utterance by more than this are silence."""

SPROCKET_F0_HZ = 40.0, 700.0
SPROCKET_HIGH_PASS_HZ, SPROCKET_HIGH_PASS_TAPS = 70.0, 255
ESPNET_ORDER, ESPNET_ALPHA = 23, 0.42
ESPNET_WINDOW_SAMPLES, ESPNET_HOP_SAMPLES = 1024, 256

DB_PER_DISTANCE = 10.0 * np.sqrt(2.0) / np.log(10.0)
"""From the Euclidean distance of two mel-cepstra to dB."""
DTW_STEPS = np.array([[1, 1], [1, 0], [0, 1]])
"""In the order in which they are preferred where sums are equal."""

PAIRS_PER_PROCESS = 500
"""A pair of 3 s takes 15 ms; starting a process, some seconds."""


def mel_cepstrum(power: np.ndarray, order: int, alpha: float) -> np.ndarray:
    """Return the mel-cepstrum (T, order + 1) of power spectra (T, bins) up to Nyquist, c0 first.

    The cepstrum of the minimum-phase spectrum |X|, its frequency axis warped by an all-pass of
    the first order: ln |X(w)| is about the sum of c[m] cos(m w'), where
    w' = w + 2 arctan(alpha sin w / (1 - alpha cos w)). Exact but for the coefficients beyond
    the order; the same as ``sp2mc`` of SPTK's Python bindings.
    """
    return np.log(power) @ _analysis_matrix(power.shape[1], order, alpha)


@cache
def _analysis_matrix(num_bins: int, order: int, alpha: float) -> np.ndarray:
    """Return (num_bins, order + 1): from the logarithm of power to the mel-cepstrum."""
    # Of ln |X|^2 the inverse transform is already twice that of ln |X|, which is what a
    # minimum-phase cepstrum has behind its first value; that one is halved.
    cepstra = np.fft.irfft(np.eye(num_bins), axis=1)[:, :num_bins]
    cepstra[:, 0] *= 0.5
    # Row n of the warping is z^-n as a series in the warped z^-1: z^-1 = (v + alpha) /
    # (1 + alpha v) with v the warped z^-1, and each further power is a product with that
    # series. Being causal, products of truncated series are exact.
    lags = np.arange(order)
    series = np.concatenate([[alpha], (1.0 - alpha**2) * (-alpha) ** lags])  # (order + 1,)
    product = np.zeros((order + 1, order + 1))  # x @ product is x times the series.
    for lag in range(order + 1):
        product[lag, lag:] = series[: order + 1 - lag]
    warping = np.zeros((num_bins, order + 1))
    warping[0, 0] = 1.0
    for power in range(1, num_bins):
        warping[power] = warping[power - 1] @ product
    return cepstra @ warping


def analyse_mel_cepstra(
    frames: np.ndarray, order: int, alpha: float, *, floor: float = 1.0e-6
) -> np.ndarray:
    """Return the mel-cepstra (T, order + 1) of windowed frames (T, N), c0 first.

    The envelope D = exp(sum of c[m] cos(m w')) for which the mean of periodogram / D^2 + ln D^2
    is least, by Newton's method: ``mcep`` of SPTK with ``etype=1``. ``floor`` is added to the
    periodogram, so that silence has a logarithm. Values that are not finite raise ValueError.

    Source: Tokuda, Kobayashi, Chiba & Imai (1994), "Mel-generalized cepstral analysis",
        for gamma = 0; SPTK's steps, starting point and stopping rule.
    """
    if not np.isfinite(frames).all():
        raise ValueError("the frames hold values that are not finite")
    periodogram = np.square(np.abs(np.fft.rfft(frames, axis=1))) + floor  # (T, bins)
    num_bins = periodogram.shape[1]
    frequencies = np.linspace(0.0, np.pi, num_bins)
    shift = np.arctan2(alpha * np.sin(frequencies), 1.0 - alpha * np.cos(frequencies))
    cosines = np.cos(np.outer(frequencies + 2.0 * shift, np.arange(2 * order + 1)))
    weights = np.full(num_bins, 2.0 / frames.shape[1])
    weights[[0, -1]] *= 0.5  # Every other bin stands for its mirror image too.
    orders = np.arange(order + 1)
    flat = (-alpha) ** orders  # (order + 1,) the mean of cos(m w') over w.
    toeplitz, hankel = np.abs(orders[:, None] - orders), orders[:, None] + orders

    cepstra = mel_cepstrum(periodogram, order, alpha)
    residual = 0.5 * (np.log(periodogram) @ weights)  # (T,) SPTK compares the first with it.
    active = np.arange(len(frames))
    for step in range(1, MAX_STEPS + 1):
        log_envelope = cepstra[active] @ cosines[:, : order + 1].T
        whitened = periodogram[active] * np.exp(-2.0 * log_envelope)
        moments = (whitened * weights) @ cosines  # (active, 2 order + 1)
        if step >= MIN_STEPS:
            change = np.abs((moments[:, 0] - residual[active]) / moments[:, 0])
            residual[active] = moments[:, 0]
            moments, active = moments[change >= THRESHOLD], active[change >= THRESHOLD]
        if len(active) == 0:
            break
        slope = moments[:, : order + 1] - flat
        curvature = moments[:, toeplitz] + moments[:, hankel]
        cepstra[active] += np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
    return cepstra


@dataclass(frozen=True)
class CepstralTrack:
    """What a definition of MCD compares of an utterance, frame by frame.

    ``cepstra`` (T, D) float32 are compared; warping leaves out frames that are not ``is_speech``
    (T,); ``f0_hz`` (T,) is 0 where unvoiced, None where a definition has no F0.
    """

    cepstra: np.ndarray
    is_speech: np.ndarray
    f0_hz: np.ndarray | None = None


Tracks = dict[str, CepstralTrack]
"""Of one utterance by definition."""


def paper_track(waveform: np.ndarray, contour: F0Contour | None = None) -> CepstralTrack:
    """Return the track of a waveform (N,) at 16 kHz by the definition ``paper``.

    WORLD every 5 ms: F0 by DIO and StoneMask between 60 and 500 Hz (``contour``, where known),
    envelope by CheapTrick with 1024 bins; mel-cepstrum of order 24, alpha 0.41, without c0.

    Source: [P2V] Eq. 5 for 24 coefficients from the first on.
    Deviation: the paper names no analysis; the mel-cepstrum is sprocket's, as in its baseline
        seq2seq-EVC, but F0 is DIO's (Harvest's has twenty times the cost) and there is no
        high-pass.
    """
    wave = _checked(waveform)
    contour = contour or f0_contour(wave, "dio")
    times_s, f0_hz = contour.times_s, contour.f0_hz
    if len(f0_hz) == 0:  # too short for a contour
        num_frames = int(len(wave) / SAMPLE_RATE_HZ / FRAME_PERIOD_S) + 1
        times_s, f0_hz = FRAME_PERIOD_S * np.arange(num_frames), np.zeros(num_frames)
    cepstra, is_speech = _world_cepstra(wave, f0_hz, times_s, PAPER_RANGE_DB)
    return CepstralTrack(cepstra.astype(np.float32), is_speech, f0_hz.astype(np.float32))


def sprocket_track(waveform: np.ndarray) -> CepstralTrack:
    """Return the track of a waveform (N,) at 16 kHz by the definition ``sprocket``.

    As its 16 kHz configuration: 16-bit scale, a high-pass at 70 Hz, F0 by Harvest between 40
    and 700 Hz, the same mel-cepstrum, and the differences to the frame before.
    """
    import pyworld
    from scipy.signal import firwin, lfilter

    taps, cut_off_hz = SPROCKET_HIGH_PASS_TAPS, SPROCKET_HIGH_PASS_HZ
    high_pass = firwin(taps, cut_off_hz, pass_zero=False, fs=SAMPLE_RATE_HZ)
    wave = lfilter(high_pass, 1.0, INT16_SCALE * _checked(waveform))
    f0_hz, times_s = pyworld.harvest(
        wave, SAMPLE_RATE_HZ, *SPROCKET_F0_HZ, frame_period=1000.0 * FRAME_PERIOD_S
    )
    cepstra, is_speech = _world_cepstra(wave, f0_hz, times_s, SPROCKET_RANGE_DB)
    # The first frame has none before it: sprocket takes the difference to the second.
    deltas = np.diff(cepstra, axis=0, prepend=2.0 * cepstra[:1] - cepstra[1:2])
    cepstra = np.hstack([cepstra, deltas])
    return CepstralTrack(cepstra.astype(np.float32), is_speech, f0_hz.astype(np.float32))


def espnet_track(waveform: np.ndarray) -> CepstralTrack:
    """Return the track of a waveform (N,) at 16 kHz by the definition ``espnet``.

    16-bit scale, Hamming windows of 64 ms every 16 ms, SPTK's analysis; nothing counts as silence.

    Deviation: a waveform shorter than a window is padded with zeros; evaluate_mcd.py fails.
    """
    wave = INT16_SCALE * _checked(waveform)
    wave = np.pad(wave, (0, max(0, ESPNET_WINDOW_SAMPLES - len(wave))))
    window = np.hamming(ESPNET_WINDOW_SAMPLES)
    window /= np.linalg.norm(window)  # SPTK's windows have a power of 1.
    frames = np.lib.stride_tricks.sliding_window_view(wave, ESPNET_WINDOW_SAMPLES)
    frames = frames[::ESPNET_HOP_SAMPLES] * window
    cepstra = analyse_mel_cepstra(frames, ESPNET_ORDER, ESPNET_ALPHA)
    return CepstralTrack(cepstra.astype(np.float32), np.ones(len(cepstra), dtype=bool))


TRACKS: dict[str, Callable[[np.ndarray], CepstralTrack]] = {
    "paper": paper_track,
    "espnet": espnet_track,
    "sprocket": sprocket_track,
}
"""By definition; all raise ValueError for an empty waveform."""


def _checked(waveform: np.ndarray) -> np.ndarray:
    """Return the waveform as WORLD takes it."""
    if len(waveform) == 0:
        raise ValueError("an empty waveform has no mel-cepstra")
    return np.ascontiguousarray(waveform, dtype=np.float64)


def _world_cepstra(
    wave: np.ndarray, f0_hz: np.ndarray, times_s: np.ndarray, range_db: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return mel-cepstra (T, 24) without c0 of WORLD's envelope, and the speech mask (T,)."""
    import pyworld

    envelope = pyworld.cheaptrick(wave, f0_hz, times_s, SAMPLE_RATE_HZ, fft_size=ENVELOPE_FFT_SIZE)
    power = envelope[:, 0] + 2.0 * envelope[:, 1:-1].sum(axis=1) + envelope[:, -1]
    is_speech = 10.0 * np.log10(power / power.mean()) > -range_db
    return mel_cepstrum(envelope, ORDER, ALPHA)[:, 1:], is_speech


def mel_cepstral_distortion(
    waveform: np.ndarray, target: np.ndarray, definition: str = "paper", alignment: str = "dtw"
) -> float:
    """Return the distortion in dB between two waveforms (N,) at 16 kHz.

    See `TRACKS` for definitions and `aligned_frames` for alignments.
    """
    track, target_track = TRACKS[definition](waveform), TRACKS[definition](target)
    return track_distortion_db(track, target_track, aligned_frames(track, target_track, alignment))


def track_distortion_db(track: CepstralTrack, target: CepstralTrack, path: np.ndarray) -> float:
    """Return the mean over pairs of frames of 10 / ln 10 x sqrt(2 x sum of squares), in dB.

    Source: [P2V] Eq. 5; the mean over frames is sprocket's and ESPnet's.
    """
    difference = track.cepstra[path[:, 0]].astype(np.float64) - target.cepstra[path[:, 1]]
    return float(DB_PER_DISTANCE * np.linalg.norm(difference, axis=1).mean())


def aligned_frames(
    track: CepstralTrack, target: CepstralTrack, alignment: str = "dtw"
) -> np.ndarray:
    """Return pairs of frames (P, 2), of the track and of the target by the same definition.

    * ``dtw``: the path of least summed distance through the frames of speech of both. Of equal ways
      back from the end, the one through both is taken, then the one through the first.
    * ``truncated``: frame by frame to the end of the shorter, silence included.

    Source: Sakoe & Chiba (1978), without slope constraint; librosa's implementation.
    """
    if alignment == "truncated":
        frames = np.arange(min(len(track.cepstra), len(target.cepstra)))
        return np.stack([frames, frames], axis=1)
    from librosa.sequence import dtw
    from scipy.spatial.distance import cdist

    speech, target_speech = np.flatnonzero(track.is_speech), np.flatnonzero(target.is_speech)
    costs = cdist(track.cepstra[speech], target.cepstra[target_speech])
    path = dtw(C=costs, step_sizes_sigma=DTW_STEPS)[1][::-1]
    return np.stack([speech[path[:, 0]], target_speech[path[:, 1]]], axis=1)


def spectral_errors(pair: tuple[Tracks, Tracks]) -> dict[str, float | None]:
    """Return the fields of a ``PairScore`` that compare frames, of an utterance and its target."""
    paper, target_paper = (tracks["paper"] for tracks in pair)
    espnet, target_espnet = (tracks["espnet"] for tracks in pair)
    path = aligned_frames(paper, target_paper)
    shorter = aligned_frames(paper, target_paper, "truncated")
    espnet_path = aligned_frames(espnet, target_espnet)
    assert paper.f0_hz is not None and target_paper.f0_hz is not None
    cut = pair_frame_by_frame(paper.f0_hz, target_paper.f0_hz)
    padded = pair_frame_by_frame(paper.f0_hz, target_paper.f0_hz, end="longer")
    warped = paper.f0_hz[path[:, 0]], target_paper.f0_hz[path[:, 1]]
    return {
        "mcd_db": track_distortion_db(paper, target_paper, path),
        "mcd_truncated_db": track_distortion_db(paper, target_paper, shorter),
        "mcd_espnet_db": track_distortion_db(espnet, target_espnet, espnet_path),
        "f0_rmse_paper_hz": f0_rmse_all_frames_hz(*cut),
        "f0_rmse_padded_hz": f0_rmse_all_frames_hz(*padded),
        "f0_rmse_dtw_hz": f0_rmse_all_frames_hz(*warped),
        "f0_rmse_voiced_hz": f0_rmse_voiced_hz(*warped),
        "log_f0_rmse": log_f0_rmse(*warped),
        "num_frames_paper": len(cut[0]),
        "num_frames_padded": len(padded[0]),
    }


def compare_tracks(
    pairs: Sequence[tuple[Tracks, Tracks]], num_workers: int = 1
) -> list[dict[str, float | None]]:
    """Return the `spectral_errors` of many pairs, in their order; few are done in this process."""
    num_workers = min(num_workers, len(pairs) // PAIRS_PER_PROCESS)
    return spawn_map(
        spectral_errors, pairs, description="compare", num_workers=num_workers, chunk_size=8
    )


@dataclass(frozen=True)
class ResynthesisScore:
    """Loss by a vocoder given the true mel, of one utterance.

    ``mcd_db`` is by definition ``paper`` along the DTW path; ``log_mel_error`` the mean distance of
    natural-log mels over frames and bands.
    """

    mcd_db: float
    log_mel_error: float


def score_resynthesis(waveform: np.ndarray, original: np.ndarray) -> ResynthesisScore:
    """Return the scores of a copy synthesis (M,) of a mel against its original (N,) at 16 kHz.

    Samples beyond N are cut off. M < N, or an original too short for a mel, raises ValueError.
    """
    if len(waveform) < len(original):
        raise ValueError(f"copy synthesis of {len(waveform)} samples, original of {len(original)}")
    waveform = waveform[: len(original)]
    difference = np.abs(log_mel(waveform) - log_mel(original)).mean(dtype=np.float64)
    return ResynthesisScore(mel_cepstral_distortion(waveform, original), float(difference))


def score_resynthesis_files(
    pairs: Sequence[tuple[str, str]], num_workers: int = 1
) -> list[ResynthesisScore]:
    """Return the scores of files of copy synthesis and original; a ValueError names the file."""
    return spawn_map(_score_files, pairs, description="score", num_workers=num_workers)


def _score_files(pair: tuple[str, str]) -> ResynthesisScore:
    made, original = pair
    try:
        return score_resynthesis(read_audio(made), read_audio(original))
    except ValueError as error:
        raise ValueError(f"{made}: {error}") from error
