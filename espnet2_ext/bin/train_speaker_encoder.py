"""Train a small speaker encoder on the voices of a data directory, where none can be fetched."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.speaker import train


def train_speaker_encoder(config: str | None, **options) -> None:
    """Write a SpeechBrain directory that extract_speaker_vectors takes as --source."""
    settings = train.SpeakerEncoderSettings.load(config)
    train.train_speaker_encoder(settings=settings, **options)


main = Command("train_speaker_encoder", __doc__, train_speaker_encoder)
add = main.add_argument
add("--data_dir", required=True, help="directory with wav.scp and utt2spk")
add("--out_dir", required=True, help="gets the SpeechBrain model files")
add("--config", help="yaml of SpeakerEncoderSettings; its defaults without")
add("--device", default="cpu", help="torch device: cpu, cuda")

if __name__ == "__main__":
    main()
