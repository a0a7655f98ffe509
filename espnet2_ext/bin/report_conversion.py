"""Write figures and audio of a few conversions, for RESULTS.md to show."""

import argparse

from espnet2_ext.report.conversion import report_conversion


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inference_dir", required=True, help="output of p2v_inference")
    parser.add_argument("--data_dir", required=True, help="dump directory of all utterances")
    parser.add_argument("--pairs_dir", required=True, help="pairs, targets, conditions")
    parser.add_argument("--output_dir", required=True, help="of figures and audio")
    parser.add_argument("--results_path", required=True, help="exp/results.jsonl")
    parser.add_argument("--title", required=True, help="of the section in RESULTS.md")
    parser.add_argument("--train_dir", help="training directory whose curves are drawn")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Write the files and add records that point to them."""
    options = get_parser().parse_args(cmd)
    try:
        report_conversion(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"report_conversion: {error}") from error


if __name__ == "__main__":
    main()
