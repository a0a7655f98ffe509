"""Turn predicted mel-spectrograms into audio."""

import argparse

from espnet2_ext.vocoder.vocode import vocode_mels


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mel_scp", required=True, help="table 'key file.npy' of mels (T, 80)")
    parser.add_argument("--output_dir", required=True, help="where wav/ and wav.scp appear")
    parser.add_argument("--vocoder", default="griffin_lim", help="or a HiFi-GAN name or directory")
    parser.add_argument("--num_workers", type=int, default=1, help="processes; 1 with a GPU")
    parser.add_argument("--device", default="cpu", help="of a HiFi-GAN")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Write wav/ and wav.scp from mel.scp."""
    options = get_parser().parse_args(cmd)
    try:
        vocode_mels(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"vocode: {error}") from error


if __name__ == "__main__":
    main()
