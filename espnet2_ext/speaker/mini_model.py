"""A small ECAPA-TDNN as a SpeechBrain model directory, read by the same loader as the large."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from espnet2_ext.data.atomic import atomic_open

FBANK_BANDS = 80
VECTOR_DIM = 192
"""As the published encoder's, so that model configs fit both."""


@dataclass
class MiniSpeakerModel:
    """The parts of a speaker classifier while it trains.

    Attributes:
        mean_var_norm: takes each utterance's mean away (its loudness with it).
        embedding_model: features (B, F, 80) to vectors (B, 1, 192).
        classifier: vectors to cosines with one direction per speaker (B, 1, speakers).
        channels: width of the network's layers.
        speakers: their names in the classifier's order.
    """

    mean_var_norm: torch.nn.Module
    embedding_model: torch.nn.Module
    classifier: torch.nn.Module
    channels: int
    speakers: list[str]


def build_mini_speaker_model(
    speakers: list[str], channels: int, device: str = "cpu"
) -> MiniSpeakerModel:
    """Return the untrained model; torch's generator decides its weights.

    Source: [P2V] III-B and Fig. 2, ECAPA-TDNN, narrower.
    """
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN, Classifier
    from speechbrain.processing.features import InputNormalization

    return MiniSpeakerModel(
        mean_var_norm=InputNormalization(norm_type="sentence", std_norm=False),
        embedding_model=ECAPA_TDNN(FBANK_BANDS, **_architecture(channels)).to(device),
        classifier=Classifier(VECTOR_DIM, out_neurons=len(speakers)).to(device),
        channels=channels,
        speakers=speakers,
    )


def _architecture(channels: int) -> dict:
    """Return ECAPA-TDNN's arguments: SpeechBrain's published layout at another width.

    Dilations are those of [P2V] III-B and of SpeechBrain, which are the same.
    """
    return {
        "lin_neurons": VECTOR_DIM,
        "channels": [channels] * 4 + [3 * channels],
        "kernel_sizes": [5, 3, 3, 3, 1],
        "dilations": [1, 2, 3, 4, 1],
        "attention_channels": max(channels // 2, 8),
        "se_channels": max(channels // 2, 8),
        "res2net_scale": 8,
    }


def save_mini_speaker_model(
    model: MiniSpeakerModel, out_dir: str | Path, vectors: torch.Tensor
) -> None:
    """Write the directory; ``hyperparams.yaml``, without which no loader takes it, comes last.

    Args:
        model: trained.
        out_dir: the directory, created if needed; an earlier model in it is replaced.
        vectors: (n, 192) of the training utterances: their mean and deviation are part
            of the format (used by SpeechBrain's ``normalize=True`` only).
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
    statistics = {
        "count": len(vectors),
        "glob_mean": vectors.mean(dim=0),
        "glob_std": vectors.std(dim=0),
    }
    torch.save(statistics, temporary / "mean_var_norm_emb.ckpt")
    labels = CategoricalEncoder()
    labels.expect_len(len(model.speakers))
    for speaker in model.speakers:
        labels.add_label(speaker)
    labels.save(temporary / "label_encoder.txt")
    for path in sorted(temporary.iterdir()):
        os.replace(path, out_dir / path.name)
    temporary.rmdir()
    with atomic_open(out_dir / "hyperparams.yaml") as stream:
        stream.write(_hyperparams(model))


def _hyperparams(model: MiniSpeakerModel) -> str:
    """Return the yaml that SpeechBrain builds the model from, in the published layout."""
    architecture = "".join(
        f"    {name}: {value}\n" for name, value in _architecture(model.channels).items()
    )
    names = ("embedding_model", "mean_var_norm_emb", "classifier", "label_encoder")
    loadables = "".join(f"        {name}: !ref <{name}>\n" for name in names)
    modules = "".join(
        f"    {name}: !ref <{name}>\n" for name in ("compute_features", "mean_var_norm", *names[:3])
    )
    # No paths: SpeechBrain then takes `<name>.ckpt` from wherever the yaml lies, so the
    # directory can be moved; only the labels are named otherwise.
    return f"""\
# Small ECAPA-TDNN speaker encoder, written by espnet2_ext.bin.train_speaker_encoder.
# Load with speechbrain.inference.classifiers.EncoderClassifier.
pretrained_path: .
n_mels: {FBANK_BANDS}
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
{architecture}classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: {VECTOR_DIM}
    out_neurons: {len(model.speakers)}
mean_var_norm_emb: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
    std_norm: False
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
modules:
{modules}pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
{loadables}    paths:
        label_encoder: !ref <pretrained_path>/label_encoder.txt
"""
