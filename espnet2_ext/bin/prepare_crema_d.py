"""Make the data directory of CREMA-D, and check that the copy is whole."""

import argparse
import logging

from espnet2_ext.corpora.crema_d import prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the corpus and write the directory; what is missing is the error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--db", required=True, help="folder AudioWAV, or up to three folders above it")
    add("--data", required=True, help="gets the data directory crema_d")
    add("--classes", type=int, default=4, help="4: neutral angry happy sad; 6: all (crema_d_6)")
    add("--allow_incomplete", action="store_true", help="warn of missing files and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(options.pop("db"), options.pop("data"), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_crema_d: {error}") from error


if __name__ == "__main__":
    main()
