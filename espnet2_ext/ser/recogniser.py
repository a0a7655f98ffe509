"""A trained recogniser on any audio, and the trained recognisers of a folder.

``ser.sh`` leaves one model a fold and seed, in ``exp/ser_<system>/<protocol>/fold_<i>/seed_<s>``
with paths relative to the recipe; a folder at any of these levels means all models in it.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.data.tables import read_table
from espnet2_ext.data.weights import read_training_config, recipe_directory
from espnet2_ext.prosody2vec.contours import contours_of
from espnet2_ext.ser.experiment import RESULT, RunResult
from espnet2_ext.ser.model import FineTunedUpstream
from espnet2_ext.ser.prosody_input import OTHERS, own_encoder_input
from espnet2_ext.ser.task import EmotionTask

# isort: split

logger = logging.getLogger(__name__)


class EmotionRecogniser:
    """Emotion of waveforms by a model of ``EmotionTask``; a batch gives what each gives alone.

    ``emotions`` has the names in the order of the classes. Without ``train_config`` the config.yaml
    beside the weights is taken. FileNotFoundError where there is no such model. On the explicit
    prosody path pitch and level are relative to the waveform itself.
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
        self.f0_tracker: str | None = args.f0_tracker if self.model.reads_contours else None
        if self.f0_tracker is not None and args.speaker_statistics == OTHERS:
            logger.warning(
                f"{model_file}: pitch and level are taken relative to each recording itself; in "
                "training they were relative to the speaker's other recordings, so expect far "
                "worse recognition, or take a model of ser.sh --speaker_statistics own"
            )
        self.frozen_upstream: FineTunedUpstream | None = None
        if args.upstream is not None and str(args.upstream).endswith(".json"):
            described = json.loads(Path(args.upstream).read_text(encoding="utf-8"))
            upstream = FineTunedUpstream(described["upstream"], described["path_or_url"])
            self.frozen_upstream = upstream.to(device).eval().requires_grad_(False)

    @torch.inference_mode()
    def __call__(self, waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """Return ``{emotion: probability}`` of each waveform (N,) at 16 kHz.

        ValueError for none, one that is too short for an upstream, or probabilities not finite.
        """
        if not waveforms:
            raise ValueError("no waveforms to recognise")
        waves = [torch.as_tensor(np.array(wave), dtype=torch.float32) for wave in waveforms]
        lengths = torch.tensor([len(wave) for wave in waves], device=self.device)
        speech = pad_sequence(waves, batch_first=True).to(self.device)
        vector = None
        if self.frozen_upstream is not None:
            vector = self.frozen_upstream(speech, lengths)
        contours = {} if self.f0_tracker is None else self._contours(waveforms, self.f0_tracker)
        logits = self.model.logits(
            speech=speech, speech_lengths=lengths, upstream_vector=vector, **contours
        )
        posteriors = logits.double().softmax(dim=1).cpu()
        if not posteriors.isfinite().all():
            raise ValueError("the model gives values that are not finite; check its weights")
        return [dict(zip(self.emotions, row.tolist(), strict=True)) for row in posteriors]

    def _contours(self, waveforms: Sequence[np.ndarray], tracker: str) -> dict[str, torch.Tensor]:
        """Return ``feats`` (B, T, 3) and their lengths, relative to each waveform itself."""
        features = self.model.features
        inputs = [
            torch.from_numpy(own_encoder_input(contours_of(np.array(each), features, tracker)))
            for each in waveforms
        ]
        lengths = torch.tensor([len(each) for each in inputs], device=self.device)
        padded = pad_sequence(inputs, batch_first=True).to(self.device)
        return {"feats": padded, "feats_lengths": lengths}


@dataclass(frozen=True)
class RecogniserFiles:
    """A trained recogniser: weights, and options with the paths that are read made absolute.

    All other paths are relative to ``recipe``.
    """

    model_file: Path
    config: dict[str, Any]
    recipe: Path

    def voices(self) -> set[str] | None:
        """Return the speakers of training and validation; None where lists are missing."""
        options = self.config.get("train_data_path_and_name_and_type") or []
        labels = [table[0] for table in options if table[1] == "emotion"]
        lists = [self.model_file.parent / f"lists/{part}_shape" for part in ("train", "valid")]
        files = lists + [self.recipe / Path(path).parent / "utt2spk" for path in labels[:1]]
        if not labels or not all(path.is_file() for path in files):
            return None
        utt2spk = read_table(files[-1])
        return {utt2spk[name] for path in lists for name in read_table(path)}


def find_recognisers(path: str | Path) -> list[RecogniserFiles]:
    """Return the recognisers of a weights file or of all finished trainings below a folder.

    FileNotFoundError where nothing is there, or a file that a model needs is missing.
    """
    path = Path(path)
    if path.is_file():
        return [_read(path)]
    found = []
    for result in sorted(path.rglob(RESULT)):
        done = RunResult.read(result.parent)
        if done is not None and (result.parent / done.weights).is_file():
            found.append(_read(result.parent / done.weights))
    if not found:
        raise FileNotFoundError(f"{path}: no finished recogniser; train one first (ser.sh)")
    return found


def _read(model_file: Path) -> RecogniserFiles:
    """Return a recogniser with its paths made absolute."""
    path = model_file.parent / "config.yaml"
    config = read_training_config(path)
    recipe = recipe_directory(path, config)
    for key in ("prosody_encoder_dir", "upstream", "upstream_path"):
        # An upstream may also be a name, which is no path of the recipe.
        if config.get(key) and (recipe / config[key]).exists():
            config[key] = str(recipe / config[key])
    statistics = (config.get("normalize_conf") or {}).get("stats_file")
    if statistics is not None:
        config["normalize_conf"]["stats_file"] = str(recipe / statistics)
        if not (recipe / statistics).is_file() and not config.get("prosody_encoder_dir"):
            raise FileNotFoundError(f"{recipe / statistics}: named in {path}; run ser.sh again")
    return RecogniserFiles(model_file, config, recipe)


def voices_text(recognisers: list[RecogniserFiles], speakers: set[str]) -> str:
    """Return a clause on whether recognisers were trained on the speakers that they evaluate."""
    heard: set[str] = set()
    for each in recognisers:
        voices = each.voices()
        if voices is None:
            return "whose training voices are not known"
        heard |= voices
    common = heard & speakers
    if common:
        return f"which WERE TRAINED ON {len(common)} of the {len(speakers)} voices they evaluate"
    return f"trained on {len(heard)} voices, none of the {len(speakers)} they evaluate"
