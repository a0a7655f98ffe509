"""Score finished trainings and add the tables to results.jsonl."""

import argparse
import logging

from espnet2_ext.bin.ser_train_folds import add_experiment_options
from espnet2_ext.report.ser import report_experiment
from espnet2_ext.ser.experiment import System, read_protocols


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_experiment_options(parser)
    parser.add_argument("--title", required=True, help="says 'synthetic' where data are")
    parser.add_argument("--comparisons", nargs="*", default=[], help="A:B of systems to compare")
    parser.add_argument("--with_published", action="store_true", help="figures of the literature")
    parser.add_argument("--units", default="", help="vocabulary of the P2V model, for row names")
    parser.add_argument("--notes", default="", help="stands in the protocol's text")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Score."""
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level="INFO", format="%(asctime)s (%(module)s) %(levelname)s: %(message)s")
    try:
        report_experiment(
            [System.of_config(config) for config in args.configs],
            read_protocols(args.folds_dir, args.protocols, f"{args.data_dir}/utt2emo"),
            args.expdir,
            args.emotions,
            title=args.title,
            utt2spk=f"{args.data_dir}/utt2spk",
            comparisons=[pair.split(":") for pair in args.comparisons],
            with_published=args.with_published,
            notes=args.notes,
            units=args.units,
        )
    except (OSError, ValueError) as error:
        raise SystemExit(f"ser_score: {error}") from error


if __name__ == "__main__":
    main()
