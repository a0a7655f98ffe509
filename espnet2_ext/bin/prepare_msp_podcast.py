"""Make the data directories of MSP-PODCAST for pretraining, and check that it is whole."""

import argparse
import logging

from espnet2_ext.corpora.msp_podcast import prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the release and write the directories; what is missing is the error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--db", required=True, help="folder of the release, or up to two folders above it")
    add("--data", required=True, help="gets msp_podcast_train, msp_podcast_valid and _test")
    add("--release", help="such as 1.11, or odyssey; none: by the folder's name or the counts")
    add("--tests", default="out", help="out: Test1 to Test3 are not used; in: they are")
    add("--unknown_speakers", default="alone", help="alone, podcast (one a podcast) or drop")
    add("--num_valid", type=int, default=500, help="utterances drawn for validation")
    add("--num_test", type=int, default=500, help="utterances drawn for reconstruction")
    add("--seed", type=int, default=0, help="of both draws")
    add("--allow_incomplete", action="store_true", help="warn of missing files and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(options.pop("db"), options.pop("data"), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_msp_podcast: {error}") from error


if __name__ == "__main__":
    main()
