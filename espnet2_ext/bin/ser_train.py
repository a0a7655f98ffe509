"""Train one system of emotion recognition through ESPnet's trainer; all options of a task."""

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.bin.entry import user_errors
from espnet2_ext.ser.task import EmotionTask


def main(cmd: list[str] | None = None) -> None:
    """Train, or collect mels with ``--collect_stats true``."""
    with user_errors("ser_train"):
        EmotionTask.main(cmd=cmd)


if __name__ == "__main__":
    main()
