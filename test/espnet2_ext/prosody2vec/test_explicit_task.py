"""The task with the explicit prosody path, from contours to weights that load again."""

import numpy as np
import pytest
import soundfile
import torch
import yaml
from reference import tiny_trained

from espnet2_ext._compat import write_ark_scp
from espnet2_ext.data.tables import write_table
from espnet2_ext.prosody2vec.contour_tables import extract_contours
from espnet2_ext.prosody2vec.explicit_model import ExplicitProsody2VecModel
from espnet2_ext.prosody2vec.task import Prosody2VecTask
from espnet2_ext.units.centroids import Centroids

CONFIG = {
    **tiny_trained.EXPLICIT,
    "model_conf": {"classifier_weight": 1.0, "tempo_stretch": 1.2, "prosody_crop_frames": 20},
    "speaker_dim": 3,
    "optim": "adam",
    "batch_type": "sorted",
    "batch_size": 2,
    "num_att_plot": 1,
    "num_workers": 0,
    "best_model_criterion": [["valid", "loss", "min"]],
    "use_tensorboard": False,
}


@pytest.fixture
def data(tmp_path, make_pulses):
    """Five tones of two speakers, with contours."""
    tables = {name: {} for name in ("wav.scp", "utt2spk", "u", "d")}
    for index, samples in enumerate((6000, 7000, 8000, 9000, 9600)):
        name = f"{'ab'[index % 2]}-{index}"
        tables["wav.scp"][name] = tmp_path / f"{name}.flac"
        soundfile.write(
            tables["wav.scp"][name], make_pulses(110 + 30 * index, samples / 16000), 16000
        )
        frames = samples // 320 + 1
        tables["utt2spk"][name] = name[0]
        tables["u"][name] = " ".join(str(i % 5) for i in range(frames // 3))
        tables["d"][name] = " ".join(["3"] * (frames // 3 - 1) + [str(3 + frames % 3)])
    for name, table in tables.items():
        write_table(tmp_path / name, table)
    generator = np.random.default_rng(0)
    vectors = {name: generator.standard_normal(3) for name in tables["wav.scp"]}
    write_ark_scp(tmp_path / "spk_embed.scp", vectors)
    Centroids(np.eye(5, dtype=np.float32), "mfcc", 320, 0, 1.0).save(tmp_path / "centroids.npz")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    extract_contours(tmp_path, tmp_path / "config.yaml")
    return tmp_path


def run(root, output, *options, shape="wav.scp"):
    command = ["--config", root / "config.yaml", "--output_dir", root / output, "--ngpu", "0"]
    command += ["--centroids", root / "centroids.npz"]
    for part in ("train", "valid"):
        command += [
            f"--{part}_shape_file",
            root / shape.format(part),
            f"--{part}_speaker_dir",
            root,
        ]
        for each in ("wav.scp,speech,sound", "u,units,text_int", "d,unit_durations,text_int"):
            command += [f"--{part}_data_path_and_name_and_type", root / each]
        command += [f"--{part}_data_path_and_name_and_type", root / "contours.scp,contours,npy"]
    Prosody2VecTask.main(cmd=[str(word) for word in (*command, *options)])


def test_training_and_what_it_leaves(data):
    run(data, "stats", "--collect_stats", "true")
    stats = f"stats_file={data}/stats/train/feats_stats.npz"
    options = ("--normalize_conf", stats, "--max_epoch", "1")
    run(data, "exp", *options, shape="stats/{}/speech_shape")
    model, args = Prosody2VecTask.build_model_from_file(None, data / "exp/valid.loss.best.pth")
    assert isinstance(model, ExplicitProsody2VecModel)
    assert args.num_speakers == 2 and args.model_conf["f0_tracker"] == "dio"
    assert model.speaker_classifier is not None
    assert torch.isfinite(torch.cat([each.flatten() for each in model.parameters()])).all()
    # Contours of another tracker are refused before anything is trained.
    (data / "config.yaml").write_text(
        yaml.safe_dump({**CONFIG, "model_conf": {"f0_tracker": "praat"}})
    )
    with pytest.raises(ValueError, match=r"contours\.json: tracker dio"):
        run(data, "other", *options, shape="stats/{}/speech_shape")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prosody_path": "implicit"}, "aligned_lstm"),
        ({"decoder": "attention_lstm", "decoder_conf": tiny_trained.DECODER}, "aligned_lstm"),
        ({"model_conf": {"prosody_input": "pitch"}}, "pitch"),
        ({"bottleneck_conf": {"levels": 4}}, "odd"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, changed, message):
    Centroids(np.eye(5, dtype=np.float32), "mfcc", 320, 0, 1.0).save(tmp_path / "centroids.npz")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "num_speakers": 2, **changed}))
    command = f"--config {tmp_path}/config.yaml --output_dir x --centroids {tmp_path}/centroids.npz"
    args = Prosody2VecTask.get_parser().parse_args([*command.split(), "--collect_stats", "true"])
    with pytest.raises(ValueError, match=message):
        Prosody2VecTask.build_model(args)
