"""Turn a data directory into ``dump/raw/<set>``: 16 kHz mono flac and all its tables."""

import argparse
import logging

from espnet2_ext.data.directory import DataDirectoryError
from espnet2_ext.data.formatting import SHARE_HELP, format_wav, parse_share


def main(cmd: list[str] | None = None) -> None:
    """Format one data directory; bad files go to ``rejected.tsv``, a rerun goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="data directory to read")
    parser.add_argument("--out_dir", required=True, help="dump directory to write")
    parser.add_argument("--num_workers", type=int, default=1, help="processes")
    parser.add_argument("--share", type=parse_share, help=SHARE_HELP)
    parser.add_argument(
        "--min_duration_s", type=float, default=0.1, help="shorter utterances are rejected"
    )
    options = parser.parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        format_wav(**vars(options))
    except DataDirectoryError as error:
        raise SystemExit(f"format_wav: {error}") from error


if __name__ == "__main__":
    main()
