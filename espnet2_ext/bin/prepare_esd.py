"""Make the data directories and conversion pairs of ESD, and check that it is whole."""

import argparse
import logging

from espnet2_ext.corpora.esd import prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the corpus and write the directories; what is missing is the error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--db", required=True, help="folder with 0001 to 0020, or up to two folders above it")
    add("--data", required=True, help="gets esd_train, esd_valid (evaluation) and esd_test")
    add("--language", default="both", help="english, mandarin or both")
    add("--speakers", nargs="*", help="only these, such as 0013; none: all of the language")
    add("--targets", nargs="+", default=["angry", "happy", "sad"], help="emotions; or surprised")
    add("--seed", type=int, default=0, help="of the pairs")
    add("--allow_incomplete", action="store_true", help="warn of missing files and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(options.pop("db"), options.pop("data"), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_esd: {error}") from error


if __name__ == "__main__":
    main()
