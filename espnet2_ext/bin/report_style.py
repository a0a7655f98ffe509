"""Write figures and audio of a few conversions of a list, for RESULTS.md to show."""

import argparse

from espnet2_ext.conversion.batch import read_conversions
from espnet2_ext.report.style import report_style_figures


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", dest="list_file", required=True, help="as for convert_list")
    parser.add_argument("--conversions_dir", required=True, help="--out_dir of convert_list")
    parser.add_argument("--output_dir", required=True, help="of figures and audio")
    parser.add_argument("--results_path", required=True, help="exp/results.jsonl")
    parser.add_argument("--title", required=True, help="of the section in RESULTS.md")
    parser.add_argument("--per_condition", type=int, default=2, help="figures of each condition")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Write the files and add records that point to them."""
    options = vars(get_parser().parse_args(cmd))
    try:
        lines = read_conversions(options.pop("conversions_dir"))
        report_style_figures(wavs={name: line.wav for name, line in lines.items()}, **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"report_style: {error}") from error


if __name__ == "__main__":
    main()
