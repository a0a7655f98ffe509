"""The frozen speaker encoder: a SpeechBrain model, found, checked and loaded.

Its yaml may only build neural networks, its weights may only hold tensors.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.weights import load_without_code

MODEL_FILES = (
    "hyperparams.yaml",
    "embedding_model.ckpt",
    "mean_var_norm_emb.ckpt",
    "classifier.ckpt",
    "label_encoder.txt",
)
"""What SpeechBrain's ``EncoderClassifier`` reads, under the published names."""

MIN_SAMPLES = 800
"""Shortest waveform (0.05 s): ECAPA-TDNN pads by reflection and needs 5 feature frames."""

_ALLOWED_OBJECTS = (
    "speechbrain.dataio.encoder.",
    "speechbrain.lobes.",
    "speechbrain.nnet.",
    "speechbrain.processing.",
    "speechbrain.utils.parameter_transfer.Pretrainer",
    "torch.nn.",
)
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "map", "null", "seq", "str")
} | {"!ref", "!copy", "!tuple"}


def find_model_directory(source: str) -> Path:
    """Return the local directory that holds the encoder's files.

    ``source`` is a directory, or a name on the Hugging Face hub such as
    ``speechbrain/spkrec-ecapa-voxceleb`` (``name@revision`` pins one), which is taken from the
    local cache or downloaded there. ValueError if a file is missing or the hub unreachable.
    """
    directory = Path(source)
    if not directory.is_dir():
        if source.startswith((".", "/", "~")) or source.count("/") != 1:
            raise ValueError(f"{source}: no such speaker encoder directory")
        directory = _download(source)
    missing = [name for name in MODEL_FILES if not (directory / name).is_file()]
    if missing:
        raise ValueError(
            f"{directory}: not a complete SpeechBrain speaker encoder, lacks {' '.join(missing)}; "
            "copy every file of the model there, or train one with "
            "espnet2_ext.bin.train_speaker_encoder"
        )
    return directory


def _download(source: str) -> Path:
    """Return the hub model's snapshot in the local cache."""
    import huggingface_hub

    name, _, revision = source.partition("@")
    try:
        return Path(
            huggingface_hub.snapshot_download(
                name, revision=revision or None, allow_patterns=list(MODEL_FILES)
            )
        )
    except Exception as error:  # the hub client raises errors of three unrelated families
        reason = str(error).strip().split("\n")[0][:120] or type(error).__name__
        raise ValueError(
            f"{source}: neither a directory here nor to be had from the Hugging Face hub "
            f"({reason}); run once with network, or give the directory of a copy "
            f"({' '.join(MODEL_FILES)})"
        ) from error


def model_fingerprint(directory: str | Path) -> str:
    """Return 16 hex digits that change with the encoder's architecture or weights."""
    digest = hashlib.sha256()
    for name in ("hyperparams.yaml", "embedding_model.ckpt"):
        digest.update((Path(directory) / name).read_bytes())
    return digest.hexdigest()[:16]


def inputs_digest(data_dir: Path, *tables: str) -> str:
    """Return 16 hex digits that change with tables of a data directory, where it has them."""
    digest = hashlib.sha256()
    for path in map(data_dir.joinpath, tables):
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:16]


def check_hyperparams(path: str | Path) -> set[str]:
    """Return the top-level keys of a ``hyperparams.yaml`` that builds neural networks only.

    SpeechBrain's yaml can name any Python callable and so run code on loading. The tags are read
    here without being acted on; others raise ValueError.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        with open(path, encoding="utf-8") as stream:
            root = YAML(typ="safe", pure=True).compose(stream)
    except (YAMLError, UnicodeDecodeError) as error:
        reason = str(error).replace("\n", " ")[:120]
        raise ValueError(f"{path}: not readable as yaml ({reason})") from error
    if root is None or root.id != "mapping":
        raise ValueError(f"{path}: expected SpeechBrain's hyperparameters, a yaml mapping")
    for tag in _tags(root):
        _, _, name = tag.partition(":")
        constructs = tag.startswith(("!new:", "!name:")) and name.startswith(_ALLOWED_OBJECTS)
        if tag not in _PLAIN_TAGS and not constructs:
            raise ValueError(
                f"{path}: names {tag!r}, which a speaker encoder does not need; only networks of "
                "speechbrain and torch.nn are built from a model's yaml"
            )
    return {key.value for key, _ in root.value}


def _tags(root) -> set[str]:
    """Return the tag of every node below and including ``root`` (an alias is met once)."""
    tags, waiting, seen = set(), [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        tags.add(str(node.tag))
        if node.id == "mapping":
            waiting.extend(part for pair in node.value for part in pair)
        elif node.id == "sequence":
            waiting.extend(node.value)
    return tags


class SpeakerEncoder:
    """A frozen SpeechBrain ``EncoderClassifier`` (ECAPA-TDNN or any of that format).

    Utterances go through one at a time: its convolutions do not mask padding, so a batch would
    make a vector depend on its neighbours. ``directory`` is of `find_model_directory`, ``name`` for
    messages. Files that are damaged, or would run code on loading, raise ValueError.

    Source: [P2V] III-B, the 192-d output of the last layer of a pretrained ECAPA-TDNN.
    Deviation: the paper does not say whose. SpeechBrain's published one was trained on
        VoxCeleb 1 and 2, the paper's on VoxCeleb2; see ProsodyEncoder for its width.
        Vectors are scaled to length sqrt(dim), a root mean square of 1: encoders differ by
        orders of magnitude in scale, and the decoder's memory holds the vector beside parts
        of that size. Cosines are unchanged.
    """

    def __init__(self, directory: str | Path, name: str, device: str = "cpu") -> None:
        self.name = name
        self.classifier = _load_classifier(Path(directory), device)
        self.dim = len(self._embed(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)))

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Return the speaker vector (dim,) float32 of a 16 kHz waveform (N,).

        One that is shorter than 0.05 s or has no finite vector raises ValueError.
        """
        if waveform.ndim != 1 or len(waveform) < MIN_SAMPLES:
            raise ValueError(
                f"speaker encoder needs a mono waveform of at least {MIN_SAMPLES} samples "
                f"({MIN_SAMPLES / SAMPLE_RATE_HZ:.2f} s), got shape {waveform.shape}"
            )
        vector = self._embed(waveform)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0.0:
            raise ValueError(f"speaker encoder {self.name} gave no finite vector")
        return vector * np.float32(np.sqrt(self.dim) / length)

    def _embed(self, waveform: np.ndarray) -> np.ndarray:
        """Return the network's own output (dim,)."""
        batch = torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32)).unsqueeze(0)
        with torch.inference_mode():
            return self.classifier.encode_batch(batch).reshape(-1).float().cpu().numpy()


def build_speaker_encoder(source: str, device: str = "cpu") -> SpeakerEncoder:
    """Return the encoder of a hub name or local directory, see `find_model_directory`."""
    return SpeakerEncoder(find_model_directory(source), source, device)


def _load_classifier(directory: Path, device: str):
    """Return the frozen ``EncoderClassifier``, its files checked before SpeechBrain reads them."""
    from speechbrain.inference.classifiers import EncoderClassifier
    from speechbrain.utils.fetching import FetchConfig

    keys = check_hyperparams(directory / "hyperparams.yaml")
    weights = load_without_code(directory / "embedding_model.ckpt")
    for name in ("classifier.ckpt", "mean_var_norm_emb.ckpt"):
        load_without_code(directory / name)
    # The published yaml names the hub in `pretrained_path`: a local copy would go online.
    overrides = {"pretrained_path": str(directory)} if "pretrained_path" in keys else {}
    try:
        classifier = EncoderClassifier.from_hparams(
            source=str(directory),
            overrides=overrides,
            savedir=None,
            fetch_config=FetchConfig(allow_network=False),
            run_opts={"device": "cuda:0" if device == "cuda" else device},
        )
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).replace("\n", " ")[:200]
        raise ValueError(f"{directory}: SpeechBrain cannot load it ({reason})") from error
    # SpeechBrain only warns of weights that do not fit, and keeps random ones.
    if set(weights) != set(classifier.mods["embedding_model"].state_dict()):
        raise ValueError(
            f"{directory}: embedding_model.ckpt does not fit the network of hyperparams.yaml; "
            "take both from the same model"
        )
    return classifier.eval()
