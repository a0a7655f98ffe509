"""Take the sound out of OMG-Emotion's videos, make data directories, count what is left."""

import argparse
import logging

from espnet2_ext.corpora.omg import prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the csv files and write the directories; a csv that is not whole is the error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--db", required=True, help="folder of the csv files, or up to two folders above it")
    add("--data", required=True, help="gets omg, omg_train, omg_valid and omg_test")
    add("--media_dir", help="folder of the videos; none: that of the csv files")
    add("--audio_dir", default="downloads", help="gets omg with the flac files")
    add("--tests", default="in", help="in: the test split is in omg too, as in the paper; out")
    add("--nj", dest="num_workers", type=int, default=1, help="processes that decode")
    add("--allow_incomplete", action="store_true", help="warn of missing csv rows and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(options.pop("db"), options.pop("data"), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_omg: {error}") from error


if __name__ == "__main__":
    main()
