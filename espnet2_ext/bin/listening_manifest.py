"""List conversions, sources and true targets for a listening test."""

import argparse

from espnet2_ext.listening.conversion_manifest import conversion_manifest


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "--system",
        dest="systems",
        action="append",
        required=True,
        metavar="NAME=INFERENCE_DIR",
        help="the name gets ', contrast restored' where that was done",
    )
    add("--data_dir", required=True, help="dump directory of all utterances")
    add("--pairs_dir", required=True, help="pairs, targets, conditions")
    add("--out_path", required=True, help="of the manifest")
    add("--num_items", type=int, default=10, help="for each condition")
    add("--num_practice", type=int, default=1, help="items of practice")
    add("--num_checks", type=int, default=0, help="of attention")
    add("--reference", default="target", choices=["target", "prosody"], help="compared to")
    add("--seed", type=int, default=0, help="which pairs")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Write the manifest."""
    options = vars(get_parser().parse_args(cmd))
    systems = dict(system.partition("=")[::2] for system in options.pop("systems"))
    try:
        conversion_manifest(systems, **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"listening_manifest: {error}") from error


if __name__ == "__main__":
    main()
