"""Write units_<tag> and unit_durations_<tag> of a data directory."""

import argparse
import logging

from espnet2_ext.data.formatting import SHARE_HELP, parse_share
from espnet2_ext.units.extract import encode_share, extract_units


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data_dir", required=True, help="directory with wav.scp; the tables go there")
    add("--centroids_path", required=True, help="from learn_kmeans or import_kmeans")
    add("--path_or_url", help="checkpoint, where it lies elsewhere than the centroids say")
    add("--num_workers", type=int, default=1, help="processes; the result is the same")
    add("--device", default="cpu", help="torch device of an upstream: cpu, cuda")
    add("--share", type=parse_share, help=SHARE_HELP)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Parse the options and extract the units."""
    logging.basicConfig(level="INFO", format="%(asctime)s (%(module)s) %(levelname)s: %(message)s")
    options = vars(get_parser().parse_args(cmd))
    share = options.pop("share")
    try:
        if share is None:
            extract_units(**options)
        else:
            encode_share(**options, share=share)
    except (OSError, ValueError) as error:
        raise SystemExit(f"extract_units: {error}") from error


if __name__ == "__main__":
    main()
