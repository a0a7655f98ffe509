"""Train a small speaker encoder on the voices of a data directory, where none can be fetched."""

import argparse
import logging

from espnet2_ext.speaker.train import SpeakerEncoderSettings, train_speaker_encoder


def main(cmd: list[str] | None = None) -> None:
    """Write a SpeechBrain directory that extract_speaker_vectors takes as --source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="directory with wav.scp and utt2spk")
    parser.add_argument("--out_dir", required=True, help="gets the SpeechBrain model files")
    parser.add_argument("--config", help="yaml of SpeakerEncoderSettings; its defaults without")
    parser.add_argument("--device", default="cpu", help="torch device: cpu, cuda")
    options = parser.parse_args(cmd)
    logging.basicConfig(level="INFO", format="%(asctime)s (%(module)s) %(levelname)s: %(message)s")
    try:
        settings = SpeakerEncoderSettings.load(options.config)
        train_speaker_encoder(options.data_dir, options.out_dir, settings, device=options.device)
    except (OSError, ValueError) as error:
        raise SystemExit(f"train_speaker_encoder: {error}") from error


if __name__ == "__main__":
    main()
