"""Write the lists parallel, average and intensity beside a list of pairs, with their rules."""

import argparse

from espnet2_ext.data.pairs import derive_pairs


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--pairs_dir", required=True, help="data/<set>/pairs/same_voice")
    add("--data_dir", required=True, help="data/<set>, with utt2spk and utt2emo")
    add("--num_references", type=int, default=5, help="of an average")
    steps = [0.0, 0.25, 0.5, 0.75, 1.0]
    add("--intensities", type=float, nargs="+", default=steps, help="of the scale")
    add("--pairs_per_condition", type=int, help="of the scale; all if not given")
    add("--seed", type=int, default=0, help="of what is drawn")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Write the lists."""
    options = get_parser().parse_args(cmd)
    try:
        derive_pairs(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"derive_pairs: {error}") from error


if __name__ == "__main__":
    main()
