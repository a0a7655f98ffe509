"""Draw validation and test utterances from a data directory of all pretraining data."""

import argparse
import logging

from espnet2_ext.corpora.pretraining import split_directory


def main(cmd: list[str] | None = None) -> None:
    """Write the three directories and the pairs of the test set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--data_dir", required=True, help="all utterances, such as of combine_data")
    add("--out_data", required=True, help="gets NAME_train, NAME_valid and NAME_test")
    add("--name", required=True, help="of the sets")
    add("--num_valid", type=int, default=500, help="utterances drawn for validation")
    add("--num_test", type=int, default=500, help="utterances drawn for reconstruction")
    add("--seed", type=int, default=0, help="of both draws")
    options = parser.parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        split_directory(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"split_pretraining: {error}") from error


if __name__ == "__main__":
    main()
