"""Find, check and identify the files of a SpeechBrain speaker encoder before any is loaded."""

import hashlib
from pathlib import Path

MODEL_FILES = (
    "hyperparams.yaml",
    "embedding_model.ckpt",
    "mean_var_norm_emb.ckpt",
    "classifier.ckpt",
    "label_encoder.txt",
)
"""What SpeechBrain's ``EncoderClassifier`` reads, under the published names."""

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


class SpeakerModelError(ValueError):
    """A speaker encoder that cannot be used; one line with the remedy."""


def find_model_directory(source: str) -> Path:
    """Return the local directory that holds the encoder's files.

    Args:
        source: a directory, or a name on the Hugging Face hub such as
            ``speechbrain/spkrec-ecapa-voxceleb`` (``name@revision`` pins one), which is
            taken from the local cache or downloaded there.

    Raises:
        SpeakerModelError: the directory lacks a file, or the hub cannot be reached and
            the cache does not hold the model.
    """
    directory = Path(source)
    if not directory.is_dir():
        if source.startswith((".", "/", "~")) or source.count("/") != 1:
            raise SpeakerModelError(f"{source}: no such speaker encoder directory")
        directory = _download(source)
    missing = [name for name in MODEL_FILES if not (directory / name).is_file()]
    if missing:
        raise SpeakerModelError(
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
        raise SpeakerModelError(
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


def check_hyperparams(path: str | Path) -> set[str]:
    """Return the top-level keys of a ``hyperparams.yaml`` that builds neural networks only.

    SpeechBrain's yaml can name any Python callable, so a foreign file could run
    anything on loading. The tags are read here without being acted on.

    Raises:
        SpeakerModelError: the file is no yaml mapping or names something else.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        with open(path, encoding="utf-8") as stream:
            root = YAML(typ="safe", pure=True).compose(stream)
    except (YAMLError, UnicodeDecodeError) as error:
        reason = str(error).replace("\n", " ")[:120]
        raise SpeakerModelError(f"{path}: not readable as yaml ({reason})") from error
    if root is None or root.id != "mapping":
        raise SpeakerModelError(f"{path}: expected SpeechBrain's hyperparameters, a yaml mapping")
    for tag in _tags(root):
        _, _, name = tag.partition(":")
        constructs = tag.startswith(("!new:", "!name:")) and name.startswith(_ALLOWED_OBJECTS)
        if tag not in _PLAIN_TAGS and not constructs:
            raise SpeakerModelError(
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
