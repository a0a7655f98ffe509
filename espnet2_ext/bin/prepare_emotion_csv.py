"""Make a data directory of your own audio: a csv ``file,emotion[,speaker,session,...]``."""

import argparse
import logging

from espnet2_ext.corpora.emotion_csv import prepare


def main(cmd: list[str] | None = None) -> None:
    """Read the csv and write the directory; the first fault is the error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--csv_path", required=True, help="columns file,emotion and speaker,session,dialogue,text"
    )
    parser.add_argument("--out_dir", required=True, help="data directory to write")
    options = parser.parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        prepare(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_emotion_csv: {error}") from error


if __name__ == "__main__":
    main()
