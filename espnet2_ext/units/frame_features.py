"""Frame features that k-means clusters: one interface, built from a short text."""

from typing import Protocol

import numpy as np

STRIDE_SAMPLES = 320
"""Samples from one frame to the next: 20 ms at 16 kHz, HuBERT's rate of 50 frames a second."""


class FrameFeatures(Protocol):
    """What turns a waveform into one vector a frame.

    Attributes:
        name: the text it was built from: ``mfcc`` or ``<S3PRL upstream>/<layer>``.
        dim: width of a vector.
        stride_samples: samples from one frame's centre to the next's.
        offset_samples: sample on which frame 0 is centred.
        settings: one line that says everything else the values depend on; centroids
            keep it, so that features made otherwise are refused.
    """

    name: str
    dim: int
    stride_samples: int
    offset_samples: int
    settings: str

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Return features (F, dim) float32 of a 16 kHz mono waveform (N,).

        Raises:
            ValueError: the waveform is too short for one frame.
        """
        ...


def build_frame_features(
    spec: str, *, path_or_url: str | None = None, device: str = "cpu"
) -> FrameFeatures:
    """Return the frame features that a text names.

    Source: [P2V] III-A: HuBERT base, pretrained on LibriSpeech (``hubert_base``). Which
    layer is clustered is not in paper.

    Args:
        spec: ``mfcc``, or ``<S3PRL upstream>/<layer>`` such as ``hubert_base/6``. The layer
            counts S3PRL's hidden states: 0 is the input of the first transformer block,
            6 the output of the sixth.
        path_or_url: checkpoint of the upstreams that want one; a local directory for
            ``hf_hubert_custom`` and ``hf_wav2vec2_custom``.
        device: torch device of an upstream; ``mfcc`` always runs on the CPU.

    Raises:
        ValueError: the text is neither form, the upstream is unknown or cannot be
            loaded, or it has no such layer.
    """
    if spec == "mfcc":
        from espnet2_ext.units.mfcc import MfccFeatures

        if path_or_url is not None:
            raise ValueError(
                f"features 'mfcc' take no checkpoint, got {path_or_url!r}: leave it out"
            )
        return MfccFeatures()
    upstream, separator, layer = spec.rpartition("/")
    if not (separator and upstream and layer.isdecimal()):
        raise ValueError(
            f"features {spec!r}: expected 'mfcc' or '<S3PRL upstream>/<layer>' as 'hubert_base/6'"
        )
    from espnet2_ext.units.s3prl_features import S3prlFeatures

    return S3prlFeatures(upstream, int(layer), path_or_url=path_or_url, device=device)
