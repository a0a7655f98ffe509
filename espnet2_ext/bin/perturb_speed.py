"""Write a dump directory that holds another one at several speeds."""

import argparse
import logging

from espnet2_ext.data.formatting import SHARE_HELP, parse_share, perturb_speed


def main(cmd: list[str] | None = None) -> None:
    """Perturb one formatted directory; 0.9 makes audio longer and lower, 1.0 keeps it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="formatted directory to read")
    parser.add_argument("--out_dir", required=True, help="directory for all speeds together")
    parser.add_argument("--factors", nargs="+", required=True, help="such as 0.9 1.0 1.1")
    parser.add_argument("--num_workers", type=int, default=1, help="processes")
    parser.add_argument("--share", type=parse_share, help=SHARE_HELP)
    options = parser.parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    # a shell variable that holds all factors may arrive as one quoted argument
    options.factors = " ".join(options.factors).split()
    perturb_speed(**vars(options))


if __name__ == "__main__":
    main()
