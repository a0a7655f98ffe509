"""Recognise the emotion of audio files with a trained model.

Example:
    python -m espnet2_ext.bin.ser_inference \\
        --model_file exp/ser_p2v/loso/fold_1/seed_0/valid.acc.best.pth --wavs a.wav b.wav
Prints one line a file: its path, the emotion, and the probability of every class.
"""

import argparse
import logging

from espnet2_ext.conversion.recordings import read_speech
from espnet2_ext.ser.recogniser import EmotionRecogniser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_file", required=True, help="weights")
    parser.add_argument("--train_config", help="default: config.yaml beside the weights")
    parser.add_argument("--wavs", nargs="+", required=True, help="any audio files")
    parser.add_argument("--device", default="cpu", help="torch device: cpu, cuda, cuda:1")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Recognise."""
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level="WARNING", format="%(levelname)s: %(message)s")
    try:
        recogniser = EmotionRecogniser(args.model_file, args.train_config, args.device)
        print("file", "emotion", *(f"p_{name}" for name in recogniser.emotions), sep="\t")
        for wav in args.wavs:
            [posteriors] = recogniser([read_speech(wav, "recording to recognise")])
            shares = (f"{value:.4f}" for value in posteriors.values())
            print(wav, max(posteriors, key=lambda name: posteriors[name]), *shares, sep="\t")
    except (OSError, ValueError) as error:
        raise SystemExit(f"ser_inference: {error}") from error


if __name__ == "__main__":
    main()
