"""Mel-cepstral distortion (MCD) in named definitions, which differ by a factor of two.

* ``paper``: [P2V] Eq. 5 over what sprocket calls static coefficients: WORLD every 5 ms,
  24 mel-cepstral coefficients (alpha 0.41) without c0.
* ``espnet``: ESPnet's evaluate_mcd.py: SPTK's analysis every 16 ms, 24 coefficients
  (alpha 0.42) with c0, so that loudness counts.
* ``sprocket``: what sprocket prints when it aligns: as ``paper``, but Harvest, a high-pass,
  and differences to the frame before beside the coefficients.

Deviation: ESPnet and sprocket warp with FastDTW, whose path need not be the best one. Here
warping is exact; for the sounds of the test that lowers sprocket's number by 9 %.

Compare numbers of one definition and one table only.
"""

import numpy as np

from espnet2_ext.metrics.cepstral_track import TRACKS, CepstralTrack
from espnet2_ext.metrics.dynamic_time_warping import dynamic_time_warping

DB_PER_DISTANCE = 10.0 * np.sqrt(2.0) / np.log(10.0)
"""From the Euclidean distance of two mel-cepstra to dB."""

ALIGNMENTS = ("dtw", "truncated")


def mel_cepstral_distortion(
    waveform: np.ndarray,
    target: np.ndarray,
    definition: str = "paper",
    alignment: str = "dtw",
) -> float:
    """Return the distortion in dB between two waveforms (N,) at 16 kHz.

    Args:
        waveform: converted speech.
        target: what it should equal.
        definition: ``paper``, ``espnet`` or ``sprocket``.
        alignment: see ``aligned_frames``.

    Raises:
        ValueError: another definition or alignment, or an empty waveform.
    """
    if definition not in TRACKS:
        raise ValueError(f"MCD definition {definition!r}: expected one of {', '.join(TRACKS)}")
    track, target_track = TRACKS[definition](waveform), TRACKS[definition](target)
    return track_distortion_db(track, target_track, aligned_frames(track, target_track, alignment))


def track_distortion_db(track: CepstralTrack, target: CepstralTrack, path: np.ndarray) -> float:
    """Return the mean over pairs of frames of 10 / ln 10 x sqrt(2 x sum of squares), in dB.

    Source: [P2V] Eq. 5; the mean over frames is sprocket's and ESPnet's.

    Args:
        track: of the converted speech.
        target: of the target, by the same definition.
        path: (P, 2) frames of one and of the other.
    """
    difference = track.cepstra[path[:, 0]].astype(np.float64) - target.cepstra[path[:, 1]]
    return float(DB_PER_DISTANCE * np.linalg.norm(difference, axis=1).mean())


def aligned_frames(
    track: CepstralTrack, target: CepstralTrack, alignment: str = "dtw"
) -> np.ndarray:
    """Return pairs of frames (P, 2), of the track and of the target.

    * ``dtw``: the path of least summed distance through the frames of speech of both.
    * ``truncated``: frame by frame from the start to the end of the shorter, silence
      included. Speech of another tempo is then compared with other sounds.

    Args:
        track: of the converted speech.
        target: of the target, by the same definition.
        alignment: one of these.

    Raises:
        ValueError: the alignment is none of these.
    """
    if alignment == "truncated":
        frames = np.arange(min(len(track.cepstra), len(target.cepstra)))
        return np.stack([frames, frames], axis=1)
    if alignment != "dtw":
        raise ValueError(f"alignment {alignment!r}: expected one of {', '.join(ALIGNMENTS)}")
    from scipy.spatial.distance import cdist

    speech, target_speech = np.flatnonzero(track.is_speech), np.flatnonzero(target.is_speech)
    path = dynamic_time_warping(cdist(track.cepstra[speech], target.cepstra[target_speech]))
    return np.stack([speech[path[:, 0]], target_speech[path[:, 1]]], axis=1)
