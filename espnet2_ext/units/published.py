"""Convert published k-means files, which are pickles, to centroids, which are not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from espnet2_ext.units.centroids import Centroids

logger = logging.getLogger(__name__)


def import_kmeans(
    kmeans_path: str | Path,
    out_path: str | Path,
    *,
    features_spec: str,
    i_trust_this_file: bool,
    path_or_url: str | None = None,
    stride_samples: int = 320,
    offset_samples: int = 200,
) -> Centroids:
    """Return the centroids of a joblib file of scikit-learn's k-means, written to ``out_path``.

    fairseq and textless publish such files (``km.bin``), and ESPnet's perform_kmeans.sh
    writes them (``km_<k>.mdl``). joblib unpickles, and unpickling runs whatever code
    the file's maker put into it. Nothing else in this package does so.

    Args:
        kmeans_path: the joblib file.
        out_path: ``centroids.npz``.
        features_spec: the S3PRL upstream and layer the clusters were learnt on, such as
            ``hubert_base/6``; the file does not say.
        i_trust_this_file: must be true.
        path_or_url: checkpoint of the upstream, if it needs one.
        stride_samples: samples from frame to frame.
        offset_samples: centre of frame 0.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not trusted, not such a file, or ``features_spec`` is ``mfcc``.
    """
    if not i_trust_this_file:
        raise ValueError(
            f"{kmeans_path}: reading it unpickles, which runs any code its maker put in; "
            "add --i_trust_this_file if you know where it comes from"
        )
    if "/" not in features_spec:
        raise ValueError(
            f"features {features_spec!r}: name the S3PRL upstream and layer, e.g. "
            "'hubert_base/6'; other toolkits' MFCC are not ours"
        )
    if not Path(kmeans_path).is_file():
        raise FileNotFoundError(f"{kmeans_path}: no such file")
    centroids = Centroids(
        centers=_centers(kmeans_path),
        features=features_spec,
        stride_samples=stride_samples,
        offset_samples=offset_samples,
        inertia=float("nan"),
        path_or_url=path_or_url,
        training=f'{{"imported_from": "{Path(kmeans_path).name}"}}',
    )
    centroids.save(out_path)
    logger.info("%s: %d clusters of %s", out_path, centroids.num_clusters, features_spec)
    return centroids


def _centers(kmeans_path: str | Path) -> np.ndarray:
    """Return ``cluster_centers_`` (k, dim) float32 of the unpickled object."""
    import joblib

    try:
        model: Any = joblib.load(kmeans_path)
    except Exception as error:  # a pickle may raise anything
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{kmeans_path}: joblib cannot read it ({type(error).__name__}: {reason})"
        ) from error
    centers = getattr(model, "cluster_centers_", None)
    if centers is None:
        raise ValueError(f"{kmeans_path}: holds a {type(model).__name__}, not a fitted k-means")
    return np.ascontiguousarray(centers, dtype=np.float32)
