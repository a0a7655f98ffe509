"""Everything that is compared frame by frame, of one pair of utterances."""

from collections.abc import Sequence
from dataclasses import dataclass

from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.metrics.cepstral_track import CepstralTrack
from espnet2_ext.metrics.f0_rmse import (
    f0_rmse_all_frames_hz,
    f0_rmse_voiced_hz,
    log_f0_rmse,
    pair_frame_by_frame,
)
from espnet2_ext.metrics.mel_cepstral_distortion import aligned_frames, track_distortion_db

Tracks = dict[str, CepstralTrack]
"""Of one utterance by definition; ``paper`` must be among them."""


PAIRS_PER_PROCESS = 500
"""A pair of 3 s takes 15 ms; starting a process, some seconds."""


@dataclass(frozen=True)
class SpectralErrors:
    """Figures of one utterance against its target; the fields of ``PairScore``.

    Attributes:
        mcd_db: definition ``paper``, warped.
        mcd_truncated_db: definition ``paper``, frame by frame to the shorter's end.
        mcd_espnet_db: definition ``espnet``, warped.
        f0_rmse_paper_hz: definition ``paper`` of ``f0_rmse.py``: frame by frame to the
            shorter's end, unvoiced ones as 0 Hz.
        f0_rmse_padded_hz: the same to the longer's end.
        f0_rmse_dtw_hz: over all frames of the path of ``mcd_db``, unvoiced ones as 0 Hz.
        f0_rmse_voiced_hz: over frames of that path voiced in both.
        log_f0_rmse: over frames of that path voiced in both, natural logarithm.
        num_frames_paper: frames of 5 ms that ``f0_rmse_paper_hz`` is over.
        num_frames_padded: frames that ``f0_rmse_padded_hz`` is over.
    """

    mcd_db: float
    mcd_truncated_db: float
    mcd_espnet_db: float
    f0_rmse_paper_hz: float
    f0_rmse_padded_hz: float
    f0_rmse_dtw_hz: float
    f0_rmse_voiced_hz: float | None
    log_f0_rmse: float | None
    num_frames_paper: int
    num_frames_padded: int


def spectral_errors(tracks: Tracks, target: Tracks) -> SpectralErrors:
    """Return the figures of an utterance against its target.

    Args:
        tracks: ``paper`` and ``espnet`` of the utterance.
        target: the same of the target.
    """
    paper, target_paper = tracks["paper"], target["paper"]
    espnet, target_espnet = tracks["espnet"], target["espnet"]
    path = aligned_frames(paper, target_paper)
    shorter = aligned_frames(paper, target_paper, "truncated")
    espnet_path = aligned_frames(espnet, target_espnet)
    assert paper.f0_hz is not None and target_paper.f0_hz is not None
    cut = pair_frame_by_frame(paper.f0_hz, target_paper.f0_hz)
    padded = pair_frame_by_frame(paper.f0_hz, target_paper.f0_hz, end="longer")
    warped = paper.f0_hz[path[:, 0]], target_paper.f0_hz[path[:, 1]]
    return SpectralErrors(
        mcd_db=track_distortion_db(paper, target_paper, path),
        mcd_truncated_db=track_distortion_db(paper, target_paper, shorter),
        mcd_espnet_db=track_distortion_db(espnet, target_espnet, espnet_path),
        f0_rmse_paper_hz=f0_rmse_all_frames_hz(*cut),
        f0_rmse_padded_hz=f0_rmse_all_frames_hz(*padded),
        f0_rmse_dtw_hz=f0_rmse_all_frames_hz(*warped),
        f0_rmse_voiced_hz=f0_rmse_voiced_hz(*warped),
        log_f0_rmse=log_f0_rmse(*warped),
        num_frames_paper=len(cut[0]),
        num_frames_padded=len(padded[0]),
    )


def compare_tracks(
    pairs: Sequence[tuple[Tracks, Tracks]], num_workers: int = 1
) -> list[SpectralErrors]:
    """Return the figures of many pairs, in their order.

    Args:
        pairs: of an utterance and of its target.
        num_workers: processes at most; few pairs are done in this one.
    """
    return list(
        parallel_map(
            _compare,
            pairs,
            description="compare",
            num_workers=min(num_workers, len(pairs) // PAIRS_PER_PROCESS),
            chunk_size=8,
            # The caller may have run torch, whose threads do not survive a fork.
            start_method="spawn",
        )
    )


def _compare(pair: tuple[Tracks, Tracks]) -> SpectralErrors:
    return spectral_errors(*pair)
