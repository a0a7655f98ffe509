"""Train a HiFi-GAN through ESPnet's trainer for GANs; all options of an ESPnet task."""

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.bin.entry import user_errors
from espnet2_ext.vocoder.task import VocoderTask


def main(cmd: list[str] | None = None) -> None:
    """Train."""
    with user_errors("vocoder_train"):
        VocoderTask.main(cmd=cmd)


if __name__ == "__main__":
    main()
