"""Download an open corpus to a folder; interrupted, it goes on where it was."""

import argparse
import logging

from espnet2_ext.corpora.download import OPEN_CORPORA, download_corpus


def main(cmd: list[str] | None = None) -> None:
    """Download, check and unpack; the folder appears when all of it is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--corpus", required=True, choices=sorted(OPEN_CORPORA), help="which")
    add("--out_dir", required=True, help="folder of the corpus, such as downloads/ravdess")
    add("--num_workers", type=int, default=4, help="connections at a time, for many small files")
    options = parser.parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        print(download_corpus(options.corpus, options.out_dir, options.num_workers))
    except (OSError, ValueError) as error:
        raise SystemExit(f"download_corpus: {error}") from error


if __name__ == "__main__":
    main()
