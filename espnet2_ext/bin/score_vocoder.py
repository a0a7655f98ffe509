"""Resynthesise a data directory with vocoders and score them against the original speech."""

import argparse
import logging

from espnet2_ext.report.vocoders import report_vocoders


def main(cmd: list[str] | None = None) -> None:
    """Write audio and scores.tsv, and add records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="with wav.scp, 16 kHz")
    parser.add_argument("--output_dir", required=True, help="gets mels, audio and scores.tsv")
    parser.add_argument("--results_path", required=True, help="exp/results.jsonl")
    parser.add_argument("--vocoders", nargs="+", required=True, help="VOCODER or ROW=VOCODER")
    parser.add_argument("--table", required=True, help="title; says 'synthetic' where data are")
    parser.add_argument("--protocol", required=True, help="what the vocoder was trained on")
    parser.add_argument("--num_workers", type=int, default=1, help="processes; 1 with a GPU")
    parser.add_argument("--device", default="cpu", help="of a HiFi-GAN")
    options = parser.parse_args(cmd)
    logging.basicConfig(level="INFO", format="%(asctime)s (%(module)s) %(levelname)s: %(message)s")
    try:
        report_vocoders(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"score_vocoder: {error}") from error


if __name__ == "__main__":
    main()
