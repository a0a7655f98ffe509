"""Recognise the emotion of audio files with a trained model.

Example:
    python -m espnet2_ext.bin.ser_inference \\
        --model_file exp/ser_p2v/loso/fold_1/seed_0/valid.acc.best.pth --wavs a.wav b.wav
Prints one line a file: its path, the emotion, and the probability of every class. On the explicit
prosody path pitch and level are relative to each file itself.
"""

from collections.abc import Sequence

from espnet2_ext.bin.entry import Command
from espnet2_ext.conversion.recordings import read_speech
from espnet2_ext.ser.recogniser import EmotionRecogniser


def recognise(model_file: str, train_config: str | None, wavs: Sequence[str], device: str) -> None:
    """Print a header and a line for each file."""
    recogniser = EmotionRecogniser(model_file, train_config, device)
    print("file", "emotion", *(f"p_{name}" for name in recogniser.emotions), sep="\t")
    for wav in wavs:
        [posteriors] = recogniser([read_speech(wav, "recording to recognise")])
        shares = (f"{value:.4f}" for value in posteriors.values())
        print(wav, max(posteriors, key=lambda name: posteriors[name]), *shares, sep="\t")


main = Command("ser_inference", __doc__, recognise, is_quiet=True)
add = main.add_argument
add("--model_file", required=True, help="weights")
add("--train_config", help="default: config.yaml beside the weights")
add("--wavs", nargs="+", required=True, help="any audio files")
add("--device", default="cpu", help="torch device: cpu, cuda, cuda:1")

if __name__ == "__main__":
    main()
