"""Emotion recognition of the smallest sizes: a corpus of noise, folds, a pretrained encoder."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import yaml

from espnet2_ext.data.tables import write_table
from espnet2_ext.prosody2vec.encoders import ProsodyEncoder
from espnet2_ext.ser.experiment import FoldRun, SerData, System, list_runs, read_protocols
from espnet2_ext.ser.folds import FoldSet, write_folds
from espnet2_ext.ser.pretrained import export_prosody_encoder
from espnet2_ext.ser.splits import Fold
from reference.tiny_model import PROSODY_ENCODER as ENCODER

EMOTIONS = ("angry", "sad")
SPEAKERS = "abc"
LABELS = {f"{who}-{n}": EMOTIONS[n % 2] for who in SPEAKERS for n in range(4)}
SAMPLES = {name: 4000 + 150 * place for place, name in enumerate(LABELS)}
OF_SPEAKER = {who: tuple(name for name in LABELS if name[0] == who) for who in SPEAKERS}
FOLDS = (
    Fold("fold_1", OF_SPEAKER["a"], OF_SPEAKER["b"], OF_SPEAKER["c"]),
    Fold("fold_2", OF_SPEAKER["b"], OF_SPEAKER["c"], OF_SPEAKER["a"]),
)
SETTINGS: dict[str, Any] = {
    "prosody_init": "pretrained",
    "normalize": "global_mvn",
    "model_conf": {"dropout": 0.1, "crop_frames": 8},
    "optim": "adam",
    "optim_conf": {"lr": 1.0e-3},
    "classifier_lr": 1.0e-2,
    "max_epoch": 2,
    "batch_type": "unsorted",
    "batch_size": 2,
    "valid_batch_size": 3,
    "num_workers": 0,
    "num_att_plot": 0,
    "use_tensorboard": False,
    "use_matplotlib": False,
    "best_model_criterion": [["valid", "ua", "max"]],
    "keep_nbest_models": 1,
}


def write_corpus(root: Path) -> Path:
    """Write ``data`` (noise of a quarter of a second and more) and ``folds``; return data."""
    data = root / "data"
    (data / "wav").mkdir(parents=True)
    generator = np.random.default_rng(0)
    wavs = {name: data / "wav" / f"{name}.flac" for name in LABELS}
    for name, path in wavs.items():
        loudness = 0.2 if LABELS[name] == "angry" else 0.02
        soundfile.write(path, loudness * generator.standard_normal(SAMPLES[name]), 16000)
    write_table(data / "wav.scp", wavs)
    write_table(data / "utt2emo", LABELS)
    write_table(data / "utt2spk", {name: name[0] for name in LABELS})
    write_table(data / "speech_shape", SAMPLES)
    folds = FoldSet("tiny", "", "", "", 0, None, (), (), FOLDS, LABELS)
    write_folds(root / "folds/tiny", folds)
    return data


def write_p2v_model(recipe: Path, **fields: Any) -> Path:
    """Write what a recogniser reads of a training of p2v.sh; return the weights.

    ``fields`` are further options of its config.yaml; with ``prosody_path: explicit`` the encoder
    reads contours.
    """
    exp, stats = recipe / "exp/p2v_tiny", recipe / "exp/stats/feats_stats.npz"
    for folder in (exp, stats.parent):
        folder.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        width = 3 if fields.get("prosody_path") == "explicit" else 80
        weights = ProsodyEncoder(width, **ENCODER).state_dict()  # type: ignore[arg-type]
    state = {f"prosody_encoder.{name}": value for name, value in weights.items()}
    torch.save({**state, "decoder.weight": torch.ones(2)}, exp / "valid.loss.best.pth")
    # Mean -5 and variance 4 of 10 frames.
    np.savez(stats, count=10, sum=np.full(80, -50.0, "f4"), sum_square=np.full(80, 290.0, "f4"))
    config = {
        "features_conf": {"mel_dim": 80},
        "prosody_encoder_conf": ENCODER,
        "normalize_conf": {"stats_file": "exp/stats/feats_stats.npz"},
        "num_units": 7,
        **fields,
    }
    (exp / "config.yaml").write_text(yaml.safe_dump(config))
    return exp / "valid.loss.best.pth"


def write_encoder(root: Path) -> Path:
    """Write the export of such a model; return its folder."""
    export_prosody_encoder(write_p2v_model(root / "p2v"), root / "encoder")
    return root / "encoder"


def write_config(root: Path, tag: str, **settings: Any) -> System:
    """Write the configuration of a system, ``SETTINGS`` where none are given."""
    path = root / f"conf/train_ser_{tag}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({**SETTINGS, **settings}))
    return System.of_config(path)


def tiny_data(root: Path, **fields: Path | None) -> SerData:
    """Return the tables of ``write_corpus`` and ``write_encoder``."""
    values = {
        "emotion": root / "data/utt2emo",
        "shapes": root / "data/speech_shape",
        "speech": root / "data/wav.scp",
        "prosody_encoder_dir": root / "encoder",
    }
    return SerData(**{**values, **fields})  # type: ignore[arg-type]


def tiny_runs(root: Path, *systems: System, expdir: str = "exp", **options: Any) -> list[FoldRun]:
    """Return the runs of both folds under seed 0."""
    protocols = read_protocols(root / "folds", ["tiny:0"], root / "data/utt2emo")
    return list_runs(systems, protocols, root / expdir, EMOTIONS, **options)
