"""Write a tiny HuBERT with random weights, which S3PRL loads as hf_hubert_custom."""

import argparse

from espnet2_ext.units.tiny_upstream import make_tiny_hubert


def main(cmd: list[str] | None = None) -> None:
    """Write it; a complete folder is left alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", required=True, help="gets weights and configuration")
    make_tiny_hubert(parser.parse_args(cmd).directory)


if __name__ == "__main__":
    main()
