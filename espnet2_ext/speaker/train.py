"""Train a small speaker encoder for corpora without a published one at hand.

It is written as a SpeechBrain model directory, which the loader of the published one reads.
"""

import json
import logging
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml
from tqdm import tqdm

from espnet2_ext.data.audio import AudioError, read_audio
from espnet2_ext.data.parallel import atomic_open, one_thread
from espnet2_ext.data.tables import read_table, report_rejected
from espnet2_ext.speaker.encoder import MIN_SAMPLES, MODEL_FILES, inputs_digest

logger = logging.getLogger(__name__)

FBANK_BANDS = 80
VECTOR_DIM = 192
"""As the published encoder's, so that model configs fit both."""
_HYPERPARAMS = Path(__file__).with_name("hyperparams.template")
"""Without paths: SpeechBrain then takes `<name>.ckpt` from wherever the yaml lies, so the
directory can be moved; only the labels are named otherwise."""
HOP_S = 0.01  # of SpeechBrain's Fbank


@dataclass(frozen=True)
class SpeakerEncoderSettings:
    """Settings of the training; `# not in paper` throughout.

    Short crops give vectors that depend less on emotion: 2 s to 1 s took the mean cosine of a voice
    across emotions from 0.83 to 0.87 on mini_emo, and halved the time.
    """

    channels: int = 64  # width of the ECAPA-TDNN, a multiple of 8 (the paper's frozen one has 1024)
    steps: int = 200
    batch_size: int = 32  # crops a step, of different speakers as far as there are enough
    crop_s: float = 1.0  # shorter utterances are repeated
    learning_rate: float = 3.0e-3  # peak, after a warm-up of a tenth of the steps
    weight_decay: float = 1.0e-4
    margin: float = 0.2  # of the additive angular margin, in radians
    scale: float = 30.0  # of the cosines before the softmax
    frequency_mask_bands: int = 10  # widest band set to the mean in a crop
    time_mask_s: float = 0.2  # longest segment set to the mean in a crop
    seed: int = 0  # of weights, crops and masks

    def __post_init__(self) -> None:
        if self.channels < 8 or self.channels % 8:
            raise ValueError(f"channels: {self.channels}; give a multiple of 8")
        if self.steps < 1 or self.batch_size < 2:
            raise ValueError(
                f"steps {self.steps}, batch_size {self.batch_size}; give at least 1 and 2"
            )

    @classmethod
    def load(cls, path: str | Path | None) -> "SpeakerEncoderSettings":
        """Return the settings of a yaml file; defaults where it is silent or None.

        Unknown settings and values of another type raise ValueError.
        """
        if path is None:
            return cls()
        with open(path, encoding="utf-8") as stream:
            values = yaml.safe_load(stream) or {}
        defaults = asdict(cls())
        if not isinstance(values, dict):
            raise ValueError(f"{path}: expected 'setting: number' lines")
        for name, value in values.items():
            if name not in defaults:
                known = " ".join(defaults)
                raise ValueError(f"{path}: unknown setting {name!r}; there are {known}")
            kind = type(defaults[name])
            if isinstance(value, bool) or not isinstance(value, (int, kind)):
                raise ValueError(
                    f"{path}: {name}: {value!r} is not {kind.__name__}; write numbers as 1.0e-3"
                )
        return cls(**values)


class MiniSpeakerModel(NamedTuple):
    """Parts of a speaker classifier during training.

    ``mean_var_norm`` subtracts each utterance's mean (and loudness), ``embedding_model`` maps
    features (B, F, 80) to vectors (B, 1, 192), ``classifier`` vectors to cosines with one
    direction per speaker (B, 1, speakers).
    """

    mean_var_norm: torch.nn.Module
    embedding_model: torch.nn.Module
    classifier: torch.nn.Module
    architecture: dict[str, Any]
    speakers: list[str]


def build_mini_speaker_model(
    speakers: list[str], channels: int, device: str = "cpu"
) -> MiniSpeakerModel:
    """Return the untrained model; torch's generator decides its weights.

    Source: [P2V] III-B and Fig. 2, ECAPA-TDNN, narrower.
    """
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN, Classifier
    from speechbrain.processing.features import InputNormalization

    architecture = {  # SpeechBrain's published one at another width
        "lin_neurons": VECTOR_DIM,
        "channels": [channels] * 4 + [3 * channels],
        "kernel_sizes": [5, 3, 3, 3, 1],
        "dilations": [1, 2, 3, 4, 1],
        "attention_channels": max(channels // 2, 8),
        "se_channels": max(channels // 2, 8),
        "res2net_scale": 8,
    }
    return MiniSpeakerModel(
        InputNormalization(norm_type="sentence", std_norm=False),
        ECAPA_TDNN(FBANK_BANDS, **architecture).to(device),
        Classifier(VECTOR_DIM, out_neurons=len(speakers)).to(device),
        architecture,
        speakers,
    )


def save_mini_speaker_model(
    model: MiniSpeakerModel, out_dir: str | Path, vectors: torch.Tensor
) -> None:
    """Write the directory; ``hyperparams.yaml``, without which no loader takes it, comes last.

    The format holds mean and deviation of vectors (n, 192), which our loader does not use.
    """
    from speechbrain.dataio.encoder import CategoricalEncoder

    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / "hyperparams.yaml").unlink(missing_ok=True)
    temporary = out_dir / f".writing.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    for name in ("embedding_model", "classifier"):
        weights = {k: v.detach().cpu() for k, v in getattr(model, name).state_dict().items()}
        torch.save(weights, temporary / f"{name}.ckpt")
    mean, deviation = vectors.mean(dim=0), vectors.std(dim=0)
    statistics = {"count": len(vectors), "glob_mean": mean, "glob_std": deviation}
    torch.save(statistics, temporary / "mean_var_norm_emb.ckpt")
    labels = CategoricalEncoder()
    labels.expect_len(len(model.speakers))
    for speaker in model.speakers:
        labels.add_label(speaker)
    labels.save(temporary / "label_encoder.txt")
    for path in sorted(temporary.iterdir()):
        os.replace(path, out_dir / path.name)
    temporary.rmdir()
    architecture = model.architecture.items()
    with atomic_open(out_dir / "hyperparams.yaml") as stream:
        stream.write(
            _HYPERPARAMS.read_text(encoding="utf-8").format(
                bands=FBANK_BANDS,
                dim=VECTOR_DIM,
                architecture="".join(f"    {name}: {value}\n" for name, value in architecture),
                speakers=len(model.speakers),
            )
        )


def _read_features(data_dir: Path, compute_features: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return ``{utterance: (F, 80)}`` of every usable utterance; log those that are not."""
    features, rejected = {}, {}
    wavs = sorted(read_table(data_dir / "wav.scp").items())
    for utterance, wav in tqdm(wavs, desc="log-mel features", dynamic_ncols=True, mininterval=1.0):
        try:
            waveform = torch.from_numpy(read_audio(wav)).unsqueeze(0)
        except AudioError as error:
            rejected[utterance] = str(error)
            continue
        if (length := waveform.shape[1]) < MIN_SAMPLES:
            needed = f"a speaker encoder needs {MIN_SAMPLES}"
            rejected[utterance] = f"{wav}: {length} samples, {needed}"
            continue
        with torch.no_grad():
            features[utterance] = compute_features(waveform).squeeze(0)
    report_rejected(data_dir, rejected, len(wavs))
    return features


class CropSampler:
    """Batches of masked random crops, every speaker equally often.

    Each crop has its own mean subtracted, as the encoder does with a whole utterance. ``features``
    are ``{utterance: (F, bands)}``; the sorted speakers are numbered from 0.
    """

    def __init__(
        self,
        features: Mapping[str, torch.Tensor],
        utt2spk: Mapping[str, str],
        settings: SpeakerEncoderSettings,
    ) -> None:
        self.features = features
        self.crop_frames = max(round(settings.crop_s / HOP_S), 5)
        self.widest_masks = (
            (1, settings.frequency_mask_bands),
            (0, round(settings.time_mask_s / HOP_S)),
        )
        self.rng = np.random.default_rng(settings.seed)
        members: dict[str, list[str]] = {}
        for utterance in sorted(features):
            members.setdefault(utt2spk[utterance], []).append(utterance)
        self._utterances = [members[speaker] for speaker in sorted(members)]
        self._queue: list[int] = []

    def draw(self, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return crops (B, frames, bands) and speaker numbers (B,)."""
        while len(self._queue) < batch_size:
            self._queue.extend(self.rng.permutation(len(self._utterances)).tolist())
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
        for axis, widest in self.widest_masks:
            width = int(self.rng.integers(widest + 1))
            if width:
                first = int(self.rng.integers(max(crop.shape[axis] - width, 0) + 1))
                crop.narrow(axis, first, min(width, crop.shape[axis])).zero_()
        return crop


def train_speaker_encoder(
    data_dir: str | Path,
    out_dir: str | Path,
    settings: SpeakerEncoderSettings = SpeakerEncoderSettings(),
    *,
    device: str = "cpu",
) -> Path:
    """Train a speaker encoder on a data directory and return its directory.

    It classifies the speaker of random crops. Same data and settings, same encoder, whatever the
    number of cores; a rerun with both unchanged does nothing, an interrupted one starts over (half
    a minute of one core for mini_emo). ``data_dir`` needs ``wav.scp`` and ``utt2spk``; ``out_dir``
    gets a SpeechBrain ``EncoderClassifier`` directory and ``training.json``.

    ValueError: a table is missing, or fewer than two speakers have usable audio.

    Source: [P2V] III-B names the architecture.
    Deviation: trained here, on generated voices, where the paper takes one trained on VoxCeleb.
    """
    from speechbrain.lobes.features import Fbank

    data_dir, out_dir = Path(data_dir), Path(out_dir)
    for name in ("wav.scp", "utt2spk"):
        if not (data_dir / name).is_file():
            raise ValueError(f"{data_dir}: has no {name}; prepare the data directory first")
    inputs = inputs_digest(data_dir, "wav.scp", "utt2spk", "utt2num_samples")
    origin = {"settings": asdict(settings), "inputs": inputs}
    record = out_dir / "training.json"
    if record.is_file() and all((out_dir / name).is_file() for name in MODEL_FILES):
        done = json.loads(record.read_text(encoding="utf-8"))
        if origin.items() <= done.items():
            logger.info("%s is complete, nothing to do", out_dir)
            return out_dir
    record.unlink(missing_ok=True)
    utt2spk = read_table(data_dir / "utt2spk")
    torch.manual_seed(settings.seed)
    with one_thread():
        features = _read_features(data_dir, Fbank(n_mels=FBANK_BANDS))
        for utterance in features:
            if utterance not in utt2spk:
                raise ValueError(f"{data_dir}/utt2spk: lacks {utterance}, which wav.scp has")
        speakers = sorted({utt2spk[utterance] for utterance in features})
        if len(speakers) < 2:
            raise ValueError(f"{data_dir}: a speaker encoder needs two speakers with usable audio")
        model = build_mini_speaker_model(speakers, settings.channels, device)
        crops = CropSampler(features, utt2spk, settings)
        loss, accuracy = _train(model, crops, settings, device)
        save_mini_speaker_model(model, out_dir, _vectors(model, features, device))
    summary = {"speakers": len(speakers), "utterances": len(features)}
    with atomic_open(record) as stream:
        json.dump({**origin, **summary, "loss": loss, "accuracy": accuracy}, stream, indent=2)
    logger.info("%s: loss %.3f, %.1f %% of crops named", out_dir, loss, 100 * accuracy)
    return out_dir


def _train(
    model: MiniSpeakerModel, crops: CropSampler, settings: SpeakerEncoderSettings, device: str
) -> tuple[float, float]:
    """Train in place; return loss and accuracy of crops over the last tenth."""
    from speechbrain.nnet.losses import AdditiveAngularMargin, LogSoftmaxWrapper

    trained = torch.nn.ModuleList([model.embedding_model, model.classifier]).train()
    criterion = LogSoftmaxWrapper(AdditiveAngularMargin(settings.margin, settings.scale))
    optimizer = torch.optim.AdamW(
        trained.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate_factor(step, settings.steps)
    )
    last = max(settings.steps // 10, 1)
    losses, named = [], []
    bar = tqdm(range(settings.steps), desc="speaker encoder", dynamic_ncols=True, mininterval=1.0)
    for _ in bar:
        batch, numbers = (tensor.to(device) for tensor in crops.draw(settings.batch_size))
        cosines = model.classifier(model.embedding_model(batch))
        loss = criterion(cosines, numbers.unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        named.append((cosines.squeeze(1).argmax(dim=1) == numbers).float().mean().item())
        bar.set_postfix(loss=f"{losses[-1]:.2f}", named=f"{named[-1]:.2f}", refresh=False)
    return sum(losses[-last:]) / last, sum(named[-last:]) / last


def _rate_factor(step: int, steps: int) -> float:
    """Return the learning rate's share of its peak: linear warm-up, then a cosine to zero."""
    warmup = max(steps // 10, 1)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def _vectors(
    model: MiniSpeakerModel, features: dict[str, torch.Tensor], device: str
) -> torch.Tensor:
    """Return the vectors (n, 192) of at most 200 whole training utterances."""
    model.embedding_model.eval()
    chosen = sorted(features)[:: max(len(features) // 200, 1)]
    with torch.no_grad():
        normed = (model.mean_var_norm(features[key].unsqueeze(0)).to(device) for key in chosen)
        return torch.cat([model.embedding_model(one).reshape(1, -1) for one in normed]).cpu()
