"""Write spk_embed.scp and spk_embed.ark, one speaker vector per utterance."""

import argparse
import logging

from espnet2_ext.data.formatting import SHARE_HELP, parse_share
from espnet2_ext.speaker.embeddings import extract_speaker_vectors


def main(cmd: list[str] | None = None) -> None:
    """Extract; what is complete is left alone, a killed run goes on where it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="directory with wav.scp")
    parser.add_argument(
        "--source",
        default="speechbrain/spkrec-ecapa-voxceleb",
        help="name[@revision] on the Hugging Face hub, or a directory of SpeechBrain model files",
    )
    parser.add_argument("--num_workers", type=int, default=1, help="processes; same result")
    parser.add_argument("--device", default="cpu", help="torch device: cpu, cuda, cuda:1")
    parser.add_argument("--share", type=parse_share, help=SHARE_HELP)
    options = parser.parse_args(cmd)
    logging.basicConfig(level="INFO", format="%(asctime)s (%(module)s) %(levelname)s: %(message)s")
    try:
        extract_speaker_vectors(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"extract_speaker_vectors: {error}") from error


if __name__ == "__main__":
    main()
