"""Train the small speaker encoder of corpora that have no published one at hand."""

import hashlib
import json
import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import yaml
from tqdm import tqdm

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.one_thread import one_thread
from espnet2_ext.data.table import read_table
from espnet2_ext.speaker.crops import CropSampler, read_features
from espnet2_ext.speaker.mini_model import (
    FBANK_BANDS,
    MiniSpeakerModel,
    build_mini_speaker_model,
    save_mini_speaker_model,
)
from espnet2_ext.speaker.model_files import MODEL_FILES

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeakerEncoderSettings:
    """What the training depends on besides the data; `# not in paper` throughout.

    Attributes:
        channels: width of the ECAPA-TDNN, a multiple of 8 (the paper's frozen one has 1024).
        steps: optimizer steps.
        batch_size: crops a step, of different speakers as far as there are enough.
        crop_s: length of a crop in seconds; shorter utterances are repeated. Short crops
            give vectors that depend less on emotion: 2 s to 1 s took the mean cosine of
            a voice across emotions from 0.83 to 0.87 on mini_emo, and halved the time.
        learning_rate: peak of Adam's rate, after a warm-up of a tenth of the steps,
            falling to zero along a cosine.
        weight_decay: of AdamW.
        margin: of the additive angular margin, in radians.
        scale: of the cosines before the softmax.
        frequency_mask_bands: widest band set to the mean in a crop.
        time_mask_s: longest stretch set to the mean in a crop, in seconds.
        seed: of weights, crops and masks.
    """

    channels: int = 64
    steps: int = 200
    batch_size: int = 32
    crop_s: float = 1.0
    learning_rate: float = 3.0e-3
    weight_decay: float = 1.0e-4
    margin: float = 0.2
    scale: float = 30.0
    frequency_mask_bands: int = 10
    time_mask_s: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises: ValueError for a width that ECAPA-TDNN cannot have, or no training."""
        if self.channels < 8 or self.channels % 8:
            raise ValueError(f"channels: {self.channels}; give a multiple of 8")
        if self.steps < 1 or self.batch_size < 2:
            raise ValueError(
                f"steps {self.steps}, batch_size {self.batch_size}; give at least 1 and 2"
            )

    @classmethod
    def load(cls, path: str | Path | None) -> "SpeakerEncoderSettings":
        """Return the settings of a yaml file, the defaults where it is silent or None.

        Raises:
            ValueError: the file is no mapping, or names a setting that does not exist or
                has a value that is not a number.
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
                raise ValueError(
                    f"{path}: unknown setting {name!r}; there are {' '.join(defaults)}"
                )
            if isinstance(value, bool) or not isinstance(value, (int, type(defaults[name]))):
                raise ValueError(
                    f"{path}: {name}: {value!r} is not {type(defaults[name]).__name__}; write "
                    "numbers as 1.0e-3"
                )
        return cls(**values)


def train_speaker_encoder(
    data_dir: str | Path,
    out_dir: str | Path,
    settings: SpeakerEncoderSettings = SpeakerEncoderSettings(),
    *,
    device: str = "cpu",
) -> Path:
    """Train a speaker encoder on a data directory and return its directory.

    It learns to name the speaker of random crops, whatever else varies in them; emotion
    labels are not used. Same data and settings, same encoder, whatever the number of
    cores; a rerun with both unchanged does nothing, one that was killed starts over
    (half a minute of one core for mini_emo).

    Args:
        data_dir: needs ``wav.scp`` and ``utt2spk``.
        out_dir: gets a SpeechBrain ``EncoderClassifier`` directory and ``training.json``.
        settings: see `SpeakerEncoderSettings`.
        device: ``cpu`` or ``cuda``.

    Raises:
        ValueError: a table is missing, or fewer than two speakers have usable audio.

    Source: [P2V] III-B names the architecture. Deviation: trained here, on generated
    voices, where the paper takes one trained on VoxCeleb.
    """
    data_dir, out_dir = Path(data_dir), Path(out_dir)
    for name in ("wav.scp", "utt2spk"):
        if not (data_dir / name).is_file():
            raise ValueError(f"{data_dir}: has no {name}; prepare the data directory first")
    origin = {"settings": asdict(settings), "inputs": _inputs_digest(data_dir)}
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
        model, features = _prepare(data_dir, utt2spk, settings, device)
        loss, accuracy = _train(model, features, utt2spk, settings, device)
        save_mini_speaker_model(model, out_dir, _vectors(model, features, device))
    summary = {"speakers": len(model.speakers), "utterances": len(features)}
    with atomic_open(record) as stream:
        json.dump({**origin, **summary, "loss": loss, "accuracy": accuracy}, stream, indent=2)
    logger.info("%s: loss %.3f, %.1f %% of crops named", out_dir, loss, 100 * accuracy)
    return out_dir


def _inputs_digest(data_dir: Path) -> str:
    """Return a digest of what the data directory says of its audio and speakers."""
    tables = [data_dir / name for name in ("wav.scp", "utt2spk", "utt2num_samples")]
    digest = hashlib.sha256()
    for table in tables:
        digest.update(table.read_bytes() if table.is_file() else b"")
    return digest.hexdigest()[:16]


def _prepare(
    data_dir: Path, utt2spk: dict[str, str], settings: SpeakerEncoderSettings, device: str
) -> tuple[MiniSpeakerModel, dict[str, torch.Tensor]]:
    """Return the untrained model and ``{utterance: features (F, 80)}``."""
    from speechbrain.lobes.features import Fbank

    features = read_features(data_dir, Fbank(n_mels=FBANK_BANDS))
    for utterance in features:
        if utterance not in utt2spk:
            raise ValueError(f"{data_dir}/utt2spk: lacks {utterance}, which wav.scp has")
    speakers = sorted({utt2spk[utterance] for utterance in features})
    if len(speakers) < 2:
        raise ValueError(f"{data_dir}: a speaker encoder needs two speakers with usable audio")
    return build_mini_speaker_model(speakers, settings.channels, device), features


def _train(
    model: MiniSpeakerModel,
    features: dict[str, torch.Tensor],
    utt2spk: dict[str, str],
    settings: SpeakerEncoderSettings,
    device: str,
) -> tuple[float, float]:
    """Train in place; return loss and share of crops named right over the last tenth."""
    from speechbrain.nnet.losses import AdditiveAngularMargin, LogSoftmaxWrapper

    crops = CropSampler(
        features,
        utt2spk,
        crop_s=settings.crop_s,
        frequency_mask_bands=settings.frequency_mask_bands,
        time_mask_s=settings.time_mask_s,
        seed=settings.seed,
    )
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
        rows = [
            model.embedding_model(
                model.mean_var_norm(features[utterance].unsqueeze(0)).to(device)
            ).reshape(1, -1)
            for utterance in chosen
        ]
    return torch.cat(rows).cpu()
