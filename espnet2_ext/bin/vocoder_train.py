"""Train a HiFi-GAN through ESPnet's trainer for GANs; all options of an ESPnet task."""

import argparse

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.vocoder.task import VocoderTask


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    return VocoderTask.get_parser()


def main(cmd: list[str] | None = None) -> None:
    """Train."""
    VocoderTask.main(cmd=cmd)


if __name__ == "__main__":
    main()
