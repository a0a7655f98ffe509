"""A training directory of the smallest sizes with random weights, as a recipe leaves it."""

import json
from pathlib import Path

import numpy as np
import torch
import yaml

from espnet2_ext.prosody2vec.task import Prosody2VecTask
from espnet2_ext.speaker.encoder import model_fingerprint
from espnet2_ext.speaker.train import build_mini_speaker_model, save_mini_speaker_model
from espnet2_ext.units.centroids import Centroids
from reference.tiny_model import DECODER, PROSODY_ENCODER

TINY = {
    "unit_encoder_conf": {"channels": 6, "kernel_size": 3, "num_convolutions": 1, "lstm_units": 4},
    "prosody_encoder_conf": PROSODY_ENCODER,
    "decoder_conf": {**DECODER, "reduction_factor": 3},
}
EXPLICIT = {
    "prosody_path": "explicit",
    "unit_encoder_conf": TINY["unit_encoder_conf"],
    "prosody_encoder_conf": PROSODY_ENCODER,
    "bottleneck": "fsq",
    "predictor_conf": {"channels": 6},
    "unit_prosody_conf": {"output_dim": 4, "bins": 5},
    "decoder": "aligned_lstm",
    "decoder_conf": {
        "prenet_dim": 5,
        "prenet_dropout": 0.0,
        "first_lstm_units": 6,
        "second_lstm_units": 7,
        "reduction_factor": 3,
    },
}
NUM_UNITS = 5


def write_trained_model(root: Path, config: dict = TINY) -> Path:
    """Write k-means, speaker encoder, statistics and model below a recipe; return the weights."""
    centers = np.random.default_rng(0).normal(0, 1, (NUM_UNITS, 36)).astype(np.float32)
    (root / "exp/kmeans").mkdir(parents=True)
    Centroids(centers, "mfcc", 320, 0, 1.0).save(root / "exp/kmeans/centroids.npz")
    torch.manual_seed(0)
    encoder = root / "exp/speaker_encoder"
    encoder.mkdir()
    save_mini_speaker_model(
        build_mini_speaker_model(["a", "b"], channels=8), encoder, torch.randn(4, 192)
    )
    (root / "dump/org/train").mkdir(parents=True)
    made_by = {"source": "exp/speaker_encoder", "model": model_fingerprint(encoder)}
    (root / "dump/org/train/spk_embed.json").write_text(json.dumps(made_by))
    stats = root / "exp/stats/feats_stats.npz"
    stats.parent.mkdir()
    np.savez(stats, count=2, sum=np.full(80, -10.0), sum_square=np.full(80, 58.0))
    (root / "tiny.yaml").write_text(yaml.safe_dump(config))
    command = f"--config {root}/tiny.yaml --output_dir exp/p2v --normalize_conf stats_file={stats}"
    command += f" --centroids {root}/exp/kmeans/centroids.npz --train_speaker_dir dump/raw/train"
    args = Prosody2VecTask.get_parser().parse_args(command.split())
    model = Prosody2VecTask.build_model(args)
    # A recipe runs in its own directory and knows no other.
    args.centroids = "exp/kmeans/centroids.npz"
    args.normalize_conf = {"stats_file": "exp/stats/feats_stats.npz"}
    (root / "exp/p2v").mkdir()
    torch.save(model.state_dict(), root / "exp/p2v/best.pth")
    (root / "exp/p2v/config.yaml").write_text(yaml.safe_dump(vars(args)))
    return root / "exp/p2v/best.pth"
