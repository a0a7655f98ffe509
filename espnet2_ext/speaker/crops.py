"""Random crops of log-mel features, one speaker each, for training a speaker encoder."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from espnet2_ext.data.audio import AudioError, read_audio
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.data.rejected import report_rejected
from espnet2_ext.data.table import read_table
from espnet2_ext.speaker.encoder import MIN_SAMPLES

HOP_S = 0.01
"""Hop of SpeechBrain's Fbank."""


def read_features(
    data_dir: str | Path, compute_features: torch.nn.Module
) -> dict[str, torch.Tensor]:
    """Return ``{utterance: (F, 80)}`` of every usable utterance; log those that are not.

    Args:
        data_dir: its ``wav.scp`` is read.
        compute_features: SpeechBrain's Fbank, on the CPU.
    """
    features, rejected = {}, {}
    wavs = sorted(read_table(Path(data_dir) / "wav.scp").items())

    def compute(item: tuple[str, str]) -> torch.Tensor | str:
        try:
            waveform = read_audio(item[1])
        except AudioError as error:
            return str(error)
        if len(waveform) < MIN_SAMPLES:
            return f"{item[1]}: {len(waveform)} samples, a speaker encoder needs {MIN_SAMPLES}"
        return compute_features(torch.from_numpy(waveform).unsqueeze(0)).squeeze(0)

    with torch.no_grad():
        results = parallel_map(compute, wavs, description="log-mel features")
        for (utterance, _), result in zip(wavs, results, strict=True):
            if isinstance(result, str):
                rejected[utterance] = result
            else:
                features[utterance] = result
    report_rejected(data_dir, rejected, len(wavs))
    return features


class CropSampler:
    """Batches of masked crops, every speaker equally often.

    A crop has its own mean taken away, as the encoder does with a whole utterance, so
    that masks and short utterances do not shift it.
    """

    def __init__(
        self,
        features: Mapping[str, torch.Tensor],
        utt2spk: Mapping[str, str],
        *,
        crop_s: float,
        frequency_mask_bands: int,
        time_mask_s: float,
        seed: int,
    ) -> None:
        """See `SpeakerEncoderSettings` for the settings.

        Args:
            features: ``{utterance: (F, bands)}``.
            utt2spk: their speakers; the sorted ones are numbered from 0.
        """
        self.features = features
        self.crop_frames = max(round(crop_s / HOP_S), 5)
        self.frequency_mask_bands = frequency_mask_bands
        self.time_mask_frames = round(time_mask_s / HOP_S)
        self.rng = np.random.default_rng(seed)
        self.speakers = sorted({utt2spk[utterance] for utterance in features})
        self._utterances: list[list[str]] = [[] for _ in self.speakers]
        number = {speaker: index for index, speaker in enumerate(self.speakers)}
        for utterance in sorted(features):
            self._utterances[number[utt2spk[utterance]]].append(utterance)
        self._queue: list[int] = []

    def draw(self, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return crops (B, frames, bands) and speaker numbers (B,)."""
        while len(self._queue) < batch_size:
            self._queue.extend(self.rng.permutation(len(self.speakers)).tolist())
        numbers, self._queue = self._queue[:batch_size], self._queue[batch_size:]
        return torch.stack([self._crop(number) for number in numbers]), torch.tensor(numbers)

    def _crop(self, speaker: int) -> torch.Tensor:
        """Return one masked crop (frames, bands) of a random utterance of the speaker."""
        members = self._utterances[speaker]
        frames = self.features[members[self.rng.integers(len(members))]]
        if len(frames) < self.crop_frames:
            frames = frames.repeat(-(-self.crop_frames // len(frames)), 1)
        start = self.rng.integers(len(frames) - self.crop_frames + 1)
        crop = frames[start : start + self.crop_frames]
        crop = crop - crop.mean(dim=0, keepdim=True)
        for axis, widest in ((1, self.frequency_mask_bands), (0, self.time_mask_frames)):
            width = int(self.rng.integers(widest + 1))
            if width:
                first = int(self.rng.integers(max(crop.shape[axis] - width, 0) + 1))
                crop.narrow(axis, first, min(width, crop.shape[axis])).zero_()
        return crop
