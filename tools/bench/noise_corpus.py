"""A corpus of noise and a model of the smallest sizes, to put the training task through."""

from pathlib import Path

import numpy as np
import soundfile
import yaml

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.data.tables import write_table
from espnet2_ext.prosody2vec.task import Prosody2VecTask

SAMPLES = (3000, 4100, 5200, 6300, 7000)
NUM_UNITS, SPEAKER_DIM = 5, 3
CONFIG = {
    "num_units": NUM_UNITS,
    "unit_stride_samples": 320,
    "unit_offset_samples": 0,
    "speaker_dim": SPEAKER_DIM,
    "unit_encoder_conf": {"channels": 8, "kernel_size": 3, "num_convolutions": 1, "lstm_units": 4},
    "prosody_encoder_conf": {
        "channels": 16,
        "aggregation_channels": 16,
        "attention_channels": 8,
        "bottleneck_channels": 8,
        "res2net_scale": 4,
        "output_dim": 8,
    },
    "decoder_conf": {
        "prenet_dim": 8,
        "attention_lstm_units": 16,
        "attention_dim": 8,
        "location_channels": 2,
        "location_kernel_size": 3,
        "decoder_lstm_units": 16,
        "reduction_factor": 2,
    },
    # The alignment is given in the first epoch and free after it: both passes are run.
    "model_conf": {"forced_alignment_updates": 2, "guided_attention_weight": 0.1},
    "optim": "adam",
    "optim_conf": {"lr": 1.0e-3},
    "scheduler": "warmupcosine",
    "scheduler_conf": {"warmup_steps": 2, "total_steps": 8},
    "batch_type": "sorted",
    "batch_size": 2,
    "num_att_plot": 0,
    "num_workers": 0,
    "best_model_criterion": [["valid", "loss", "min"]],
    "keep_nbest_models": 1,
    "use_tensorboard": False,
    "use_matplotlib": False,
}


class NoiseCorpus:
    """Five utterances of two speakers in ``folder``, and the task run on them.

    Args:
        folder: to write to; must be there.
        device: ``cpu`` or ``cuda``.
        use_amp: train under autocast.
    """

    def __init__(self, folder: Path, device: str, use_amp: bool):
        self.folder = folder
        self.device = device
        self.use_amp = use_amp
        self._write()
        self._run("stats", "wav.scp", "--collect_stats", "true")

    def train(self, name: str, num_epochs: int) -> Path:
        """Return the directory of a run trained, or trained further, to so many epochs."""
        shapes = "stats/{}/speech_shape"
        stats = self.folder / "stats/train/feats_stats.npz"
        options = ["--normalize_conf", f"stats_file={stats}", "--resume", "true"]
        options += ["--max_epoch", str(num_epochs), "--use_amp", str(self.use_amp).lower()]
        self._run(name, shapes, *options)
        return self.folder / name

    def _run(self, name: str, shapes: str, *options: str) -> None:
        command = ["--config", self.folder / "config.yaml", "--output_dir", self.folder / name]
        command += ["--ngpu", 0 if self.device == "cpu" else 1, "--log_level", "ERROR"]
        for part in ("train", "valid"):
            command += [f"--{part}_shape_file", self.folder / shapes.format(part)]
            command += [f"--{part}_speaker_dir", self.folder]
            for file, key, kind in (
                ("wav.scp", "speech", "sound"),
                ("units", "units", "text_int"),
                ("durations", "unit_durations", "text_int"),
            ):
                option = f"--{part}_data_path_and_name_and_type"
                command += [option, f"{self.folder / file},{key},{kind}"]
        Prosody2VecTask.main(cmd=[str(word) for word in (*command, *options)])

    def _write(self) -> None:
        generator = np.random.default_rng(0)
        names = ("wav.scp", "utt2spk", "units", "durations")
        tables: dict[str, dict[str, object]] = {name: {} for name in names}
        vectors = {}
        for index, samples in enumerate(SAMPLES):
            utterance = f"{'ab'[index % 2]}-{index}"
            wav = self.folder / f"{utterance}.flac"
            soundfile.write(wav, 0.1 * generator.standard_normal(samples), 16000)
            durations = [3] * ((samples // 320 + 1) // 3)
            tables["wav.scp"][utterance] = wav
            tables["utt2spk"][utterance] = utterance[0]
            units = [str(unit % NUM_UNITS) for unit in range(len(durations))]
            tables["units"][utterance] = " ".join(units)
            tables["durations"][utterance] = " ".join(map(str, durations))
            vectors[utterance] = generator.standard_normal(SPEAKER_DIM)
        for name, table in tables.items():
            write_table(self.folder / name, table)
        write_ark_scp(self.folder / "spk_embed.scp", vectors)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
