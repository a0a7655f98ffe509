"""Convert pairs of utterances: the words of one, the prosody of another."""

import argparse
import logging

from espnet2_ext.conversion.batch import convert_pairs
from espnet2_ext.prosody2vec.decoding import GenerationLimits


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model_file", required=True, help="weights")
    parser.add_argument("--train_config", help="default: config.yaml beside the weights")
    parser.add_argument("--data_dir", required=True, help="dump directory of all utterances")
    parser.add_argument("--unit_tag", required=True, help="which units_<tag>")
    parser.add_argument("--pairs_dir", required=True, help="directory with the table 'pairs'")
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--vocoder", default="griffin_lim", help="or a HiFi-GAN name or directory")
    parser.add_argument("--inference_config", help="yaml of generation limits")
    parser.add_argument(
        "--contrast_data_dir",
        help="validation set on which lost contrast is measured; none: leave it",
    )
    parser.add_argument(
        "--contrast_speaker_dir",
        help="training set: its utterances give validation speakers their voice there too",
    )
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--num_workers", type=int, default=1, help="processes of the vocoder")
    parser.add_argument("--ngpu", type=int, default=0)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the conversion stage."""
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s: %(message)s")
    options = vars(get_parser().parse_args(cmd))
    limits_path = options.pop("inference_config")
    device = "cuda" if options.pop("ngpu") > 0 else "cpu"
    try:
        limits = GenerationLimits.from_file(limits_path)
        convert_pairs(**options, limits=limits, device=device)
    except (OSError, ValueError) as error:
        raise SystemExit(f"p2v_inference: {error}") from error


if __name__ == "__main__":
    main()
