"""Pretrain Prosody2Vec through ESPnet's trainer; all options of an ESPnet task.

Example:
    python -m espnet2_ext.bin.p2v_train --config conf/train_p2v.yaml --output_dir exp/p2v ...
"""

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.bin.entry import user_errors
from espnet2_ext.prosody2vec.task import Prosody2VecTask


def main(cmd: list[str] | None = None) -> None:
    """Train, or collect statistics with ``--collect_stats true``."""
    with user_errors("p2v_train"):
        Prosody2VecTask.main(cmd=cmd)


if __name__ == "__main__":
    main()
