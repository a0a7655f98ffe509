"""Take the sound out of LRS3, make its data directories, and check that it is whole."""

import argparse
import logging

from espnet2_ext.corpora.lrs3 import prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the corpus and write the directories; what is missing is the error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--db", required=True, help="folder with pretrain, trainval, test, or up to two above")
    add("--data", required=True, help="gets lrs3, lrs3_train, lrs3_valid and lrs3_test")
    add("--audio_dir", default="downloads", help="gets lrs3 with the flac files")
    add("--tests", default="out", help="out: the test split is lrs3_test alone; in: trained on")
    add("--max_clip_s", type=float, default=15.0, help="longer clips of pretrain are cut")
    add("--num_valid", type=int, default=500, help="utterances drawn for validation")
    add("--num_test", type=int, default=500, help="drawn for the test with --tests in")
    add("--seed", type=int, default=0, help="of the draws")
    add("--nj", dest="num_workers", type=int, default=1, help="processes that decode")
    add("--allow_incomplete", action="store_true", help="warn of missing files and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(options.pop("db"), options.pop("data"), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_lrs3: {error}") from error


if __name__ == "__main__":
    main()
