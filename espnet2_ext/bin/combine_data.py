"""Combine data directories into one; an utterance that stands in two is an error."""

import argparse
import logging

from espnet2_ext.data.directory import combine_data_directories


def main(cmd: list[str] | None = None) -> None:
    """Combine; tables that every input has are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out_dir", required=True, help="directory to write")
    parser.add_argument("--data_dirs", nargs="+", required=True, help="directories to read")
    options = parser.parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    combine_data_directories(options.out_dir, options.data_dirs)


if __name__ == "__main__":
    main()
