"""Render RESULTS.md from results.jsonl."""

import argparse

from espnet2_ext.report.render import render_results


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results_path", required=True, help="exp/results.jsonl")
    parser.add_argument("--out_path", required=True, help="exp/RESULTS.md")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Write the page."""
    options = get_parser().parse_args(cmd)
    try:
        render_results(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"render_results: {error}") from error


if __name__ == "__main__":
    main()
