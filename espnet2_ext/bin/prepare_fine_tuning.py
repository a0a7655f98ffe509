"""Gather what fine-tuning takes over from a pretrained model."""

import argparse

from espnet2_ext.conversion.trained_model import prepare_fine_tuning


def main(cmd: list[str] | None = None) -> None:
    """Write model.pth, config.yaml, train.yaml and p2v_options.sh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model_file", required=True, help="pretrained weights")
    parser.add_argument("--config", required=True, help="yaml of the fine-tuning")
    parser.add_argument("--out_dir", required=True, help="gets the files")
    options = parser.parse_args(cmd)
    try:
        prepare_fine_tuning(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_fine_tuning: {error}") from error


if __name__ == "__main__":
    main()
