"""Make the page of a listening test, and score what listeners hand in."""

import argparse
import logging

from espnet2_ext.listening.make import make_test
from espnet2_ext.report.listening import report_listening


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("make", help="write page/ for the listeners, and key.json")
    make.set_defaults(run=make_test)
    add = make.add_argument
    add("--manifest_path", required=True, help="tsv: kind system target_emotion item audio ...")
    add("--out_dir", required=True, help="of page/ and key.json")
    add("--title", required=True, help="heads the page")
    add("--num_listeners", type=int, default=20, help="numbers to give out")
    add("--systems_per_item", default="all", choices=["all", "one"], help="for a listener")
    add("--emotions", nargs="+", help="choices; default: the target emotions")
    add("--seed", type=int, default=0, help="of orders")
    score = commands.add_parser("score", help="add results to results.jsonl, draw figures")
    score.set_defaults(run=report_listening)
    add = score.add_argument
    add("--key_path", required=True, help="key.json of the test")
    add("--result_dir", required=True, help="files that listeners saved")
    add("--output_dir", required=True, help="of figures, answers.tsv and excluded.tsv")
    add("--results_path", required=True, help="exp/results.jsonl")
    add("--table", required=True, help="title; says 'synthetic' where data are")
    add("--protocol", required=True, help="what was heard by whom")
    add("--max_failed_checks", type=int, default=0, help="more exclude a listener")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    logging.basicConfig(level="INFO", format="%(asctime)s (%(module)s) %(levelname)s: %(message)s")
    options = vars(get_parser().parse_args(cmd))
    try:
        options.pop("run")(**options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"listening_test: {error}") from error


if __name__ == "__main__":
    main()
