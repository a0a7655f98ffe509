"""HiFi-GAN of SpeechBrain, from the hub or from a local directory."""

from pathlib import Path

import numpy as np
import torch

from espnet2_ext.vocoder.interface import check_mel
from espnet2_ext.vocoder.mel import HOP_SAMPLES
from espnet2_ext.vocoder.mel_settings import check_vocoder_mel

PUBLISHED = "speechbrain/tts-hifigan-libritts-16kHz"
"""The vocoder whose mel the model predicts."""
PADDING_FRAMES = 5
"""Frames that the generator adds at either end and does not take off again."""


class HifiGan:
    """The 16 kHz HiFi-GAN behind the interface of ``Vocoder``.

    Source: Kong, Kim and Bae, 2020; the published weights are SpeechBrain's.
    Deviation: [P2V] names no vocoder.

    Args:
        source: hub name such as ``speechbrain/tts-hifigan-libritts-16kHz``, which is
            downloaded once, or a directory with hyperparams.yaml and generator.ckpt.
        device: ``cpu`` or ``cuda``.

    Raises:
        FileNotFoundError: a local directory lacks one of its files.
        ValueError: it says that it was made for another mel, see check_vocoder_mel.
    """

    def __init__(self, source: str = PUBLISHED, device: str = "cpu") -> None:
        # SpeechBrain's import takes seconds that Griffin-Lim's users need not wait.
        from speechbrain.inference.vocoders import HIFIGAN

        self.name = source
        self.device = device
        overrides = local_overrides(Path(source)) if Path(source).is_dir() else {}
        check_vocoder_mel(source)
        self._vocoder = HIFIGAN.from_hparams(
            source=source, overrides=overrides, run_opts={"device": device}
        )

    @torch.no_grad()
    def __call__(self, mel: np.ndarray) -> np.ndarray:
        """Return the waveform (256 * T,) float32 of a mel (T, 80); see ``Vocoder``."""
        mel = check_mel(mel)
        batch = torch.from_numpy(mel).T[None].to(self.device)
        waveform = self._vocoder.decode_batch(batch).flatten().cpu().numpy()
        start = HOP_SAMPLES * PADDING_FRAMES
        stop = start + HOP_SAMPLES * len(mel)
        if len(waveform) != stop + start:
            raise ValueError(
                f"{self.name}: gave {len(waveform)} samples for {len(mel)} frames; it is not a "
                f"HiFi-GAN of hop {HOP_SAMPLES} padded by {PADDING_FRAMES} frames"
            )
        return waveform[start:stop]


def local_overrides(directory: Path) -> dict[str, str]:
    """Return what keeps SpeechBrain from the hub when everything lies in a directory."""
    for name in ("hyperparams.yaml", "generator.ckpt"):
        if not (directory / name).is_file():
            raise FileNotFoundError(f"{directory / name}: missing; copy the whole vocoder there")
    # Where the published file names the hub, its weights would be fetched from there.
    lines = (directory / "hyperparams.yaml").read_text(encoding="utf-8").splitlines()
    names_hub = any(line.startswith("pretrained_path:") for line in lines)
    return {"pretrained_path": str(directory)} if names_hub else {}
