"""Make the data directory of IEMOCAP from its release, and check that it is whole."""

import argparse
import logging

from espnet2_ext.corpora.iemocap import prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the release and write the directory; what is missing is the error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--db", required=True, help="folder IEMOCAP_full_release, the one above, or the .tar.gz")
    add("--data", required=True, help="gets the data directory iemocap")
    add("--classes", type=int, default=4, help="4: happy with excited; 10: all (iemocap_10)")
    add("--unpack_dir", default="downloads", help="where an archive is unpacked, 1.5 GB")
    add("--allow_incomplete", action="store_true", help="warn of missing files and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(options.pop("db"), options.pop("data"), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_iemocap: {error}") from error


if __name__ == "__main__":
    main()
