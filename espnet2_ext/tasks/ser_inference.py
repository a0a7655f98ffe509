"""A trained recogniser on any audio."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)

# isort: split
from espnet2_ext.ser.upstream import FineTunedUpstream
from espnet2_ext.tasks.ser import EmotionTask


class EmotionRecogniser:
    """Emotion of waveforms by a model of ``EmotionTask``; a batch gives what each gives alone.

    Args:
        model_file: weights, such as ``exp/ser_p2v/loso/fold_1/seed_0/valid.acc.best.pth``.
        train_config: None takes config.yaml beside the weights.
        device: torch device.

    Attributes:
        emotions: names in the order of the classes.

    Raises:
        FileNotFoundError: there is no such model.

    Example:
        >>> recogniser = EmotionRecogniser("exp/ser_p2v/loso/fold_1/seed_0/valid.acc.best.pth")
        ... # doctest: +SKIP
    """

    def __init__(
        self, model_file: str | Path, train_config: str | Path | None = None, device: str = "cpu"
    ):
        if not Path(model_file).is_file():
            raise FileNotFoundError(f"{model_file}: no such model; train one first (ser.sh)")
        self.device = device
        self.model, args = EmotionTask.build_model_from_file(train_config, model_file, device)
        self.model.eval()
        self.emotions: list[str] = list(args.emotions)
        self.frozen_upstream: FineTunedUpstream | None = None
        if args.upstream is not None and str(args.upstream).endswith(".json"):
            described = json.loads(Path(args.upstream).read_text(encoding="utf-8"))
            upstream = FineTunedUpstream(described["upstream"], described["path_or_url"])
            self.frozen_upstream = upstream.to(device).eval().requires_grad_(False)

    @torch.inference_mode()
    def __call__(self, waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """Return ``{emotion: probability}`` of each waveform (N,) at 16 kHz.

        Raises:
            ValueError: nothing given, a waveform that is too short for an upstream, or
                probabilities that are not finite.
        """
        if not waveforms:
            raise ValueError("no waveforms to recognise")
        waves = [torch.as_tensor(np.array(wave), dtype=torch.float32) for wave in waveforms]
        lengths = torch.tensor([len(wave) for wave in waves], device=self.device)
        speech = pad_sequence(waves, batch_first=True).to(self.device)
        vector = None
        if self.frozen_upstream is not None:
            vector = self.frozen_upstream(speech, lengths)
        logits = self.model.logits(speech=speech, speech_lengths=lengths, upstream_vector=vector)
        posteriors = logits.double().softmax(dim=1).cpu()
        if not posteriors.isfinite().all():
            raise ValueError("the model gives values that are not finite; check its weights")
        return [dict(zip(self.emotions, row.tolist(), strict=True)) for row in posteriors]
