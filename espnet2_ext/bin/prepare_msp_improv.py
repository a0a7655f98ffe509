"""Make the data directories of MSP-IMPROV for pretraining, and check that it is whole."""

import argparse
import logging

from espnet2_ext.corpora.msp_improv import prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the release and write the directories; what is missing is the error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add(
        "--db",
        required=True,
        help="folder of Evalution.txt and the sessions, or up to two folders above it",
    )
    add("--data", required=True, help="gets msp_improv_train, msp_improv_valid and _test")
    add("--num_valid", type=int, default=500, help="utterances drawn for validation")
    add("--num_test", type=int, default=500, help="utterances drawn for reconstruction")
    add("--seed", type=int, default=0, help="of both draws")
    add("--allow_incomplete", action="store_true", help="warn of missing files and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(options.pop("db"), options.pop("data"), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_msp_improv: {error}") from error


if __name__ == "__main__":
    main()
