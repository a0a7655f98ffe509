"""Score spk_embed.scp: equal error rates, and how well emotion can be read from the vectors."""

import argparse
import logging

from espnet2_ext.report.vocoders import report_speaker_vectors


def main(cmd: list[str] | None = None) -> None:
    """Add one row a data directory to results.jsonl."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dirs", nargs="+", required=True, help="with spk_embed.scp")
    parser.add_argument("--results_path", required=True, help="exp/results.jsonl")
    parser.add_argument("--table", required=True, help="title; says 'synthetic' where data are")
    parser.add_argument("--protocol", required=True, help="which encoder, trained on what")
    options = parser.parse_args(cmd)
    logging.basicConfig(level="INFO", format="%(asctime)s (%(module)s) %(levelname)s: %(message)s")
    try:
        report_speaker_vectors(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"evaluate_speaker_vectors: {error}") from error


if __name__ == "__main__":
    main()
