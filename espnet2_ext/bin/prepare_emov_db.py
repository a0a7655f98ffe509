"""Make the data directories and conversion pairs of EmoV-DB, and check that it is whole."""

import argparse
import logging

from espnet2_ext.corpora.emov_db import DEFAULT_TARGETS, prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the corpus and write the directories; what is missing is the error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--db", required=True, help="folder of bea_Amused to sam_Sleepy, or of bea, jenie ...")
    add("--data", required=True, help="gets emov_db_train, emov_db_valid and emov_db_test")
    add("--targets", nargs="+", default=[*DEFAULT_TARGETS], help="emotions of the pairs")
    add("--prompts", help="cmuarctic.data; none: the one in the folder, or no words")
    add("--seed", type=int, default=0, help="of the pairs")
    add("--allow_incomplete", action="store_true", help="warn of missing files and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(options.pop("db"), options.pop("data"), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_emov_db: {error}") from error


if __name__ == "__main__":
    main()
