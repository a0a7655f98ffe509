"""Copy the prosody encoder of a pretrained Prosody2Vec into a folder of its own.

Example:
    python -m espnet2_ext.bin.export_prosody_encoder --out_dir exp/prosody_encoder \\
        --model_file ../p2v1/exp/p2v_train_p2v_hubert_base_6_200/valid.loss.best.pth
"""

import argparse

from espnet2_ext.ser.pretrained import export_prosody_encoder


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model_file", required=True, help="weights of bin/p2v_train")
    parser.add_argument("--train_config", help="its config.yaml; none: beside the weights")
    parser.add_argument("--out_dir", required=True, help="gets weights, statistics and sizes")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Export."""
    args = get_parser().parse_args(cmd)
    try:
        export_prosody_encoder(args.model_file, args.out_dir, args.train_config)
    except (OSError, ValueError) as error:
        raise SystemExit(f"export_prosody_encoder: {error}") from error


if __name__ == "__main__":
    main()
