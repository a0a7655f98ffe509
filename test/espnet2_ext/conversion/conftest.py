"""The fixtures of this folder are those of the tiny model."""

from reference.tiny_model import batch, make_decoder, make_memory, make_model  # noqa: F401
