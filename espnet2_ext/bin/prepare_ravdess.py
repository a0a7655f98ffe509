"""Make the data directory of RAVDESS, and check that the copy is whole."""

import argparse
import logging

from espnet2_ext.corpora.ravdess import prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the corpus and write the directory; what is missing is the error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add(
        "--db",
        required=True,
        help="folder with Actor_01 to Actor_24, or up to three folders above it",
    )
    add("--data", required=True, help="gets the data directory ravdess")
    add("--classes", type=int, default=4, help="4: neutral angry happy sad; 8: all (ravdess_8)")
    add("--allow_incomplete", action="store_true", help="warn of missing files and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(options.pop("db"), options.pop("data"), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_ravdess: {error}") from error


if __name__ == "__main__":
    main()
