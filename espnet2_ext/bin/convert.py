"""Say the words of one recording with the prosody of another, in any voice.

Example:
    python -m espnet2_ext.bin.convert --model_file exp/p2v_TAG/valid.loss.best.pth \\
        --source me.m4a --prosody angry.wav --out angry_me.wav --plot angry_me.png
Any audio file does, of any length. Prints seconds and mean F0 of all recordings.
"""

import argparse
import logging

from espnet2.utils.types import str2bool

from espnet2_ext.conversion.recordings import AnyConverter, convert_file
from espnet2_ext.report.figures import conversion_figure, save_figure


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    model = parser.add_argument_group("model")
    model.add_argument("--model_file", required=True, help="weights")
    model.add_argument("--train_config", help="default: config.yaml beside the weights")
    model.add_argument("--centroids", help="k-means file; default: that of the training")
    model.add_argument("--speaker_encoder", help="default: that of the training")
    model.add_argument("--vocoder", default="griffin_lim", help="or a HiFi-GAN name or directory")
    model.add_argument("--max_segment_s", type=float, default=10.0, help="longer is split; 3 to 60")
    model.add_argument(
        "--restore_contrast",
        type=str2bool,
        metavar="{true,false}",
        help="give back what MODEL.contrast.json says was lost; default: where that file is",
    )
    model.add_argument("--device", default="cpu", help="torch device: cpu, cuda, cuda:1")
    files = parser.add_argument_group("recordings")
    files.add_argument("--source", required=True, help="whose words")
    files.add_argument(
        "--prosody", required=True, nargs="+", action="extend", help="whose prosody; mean of many"
    )
    files.add_argument(
        "--speaker", help="whose voice: another recording, as in training; default: source"
    )
    files.add_argument(
        "--intensity", type=float, help="0 neutral, 1 as --prosody (default), 2 more; -3 to 3"
    )
    files.add_argument("--interpolate_from", help="neutral prosody; default: the source's")
    files.add_argument("--out", required=True, help="audio to write, .wav or .flac")
    parser.add_argument("--plot", help="figure to write: mels and F0 (.png, .svg, .pdf)")
    return parser


MODEL_OPTIONS = (
    "centroids",
    "speaker_encoder",
    "vocoder",
    "max_segment_s",
    "restore_contrast",
    "device",
)


def main(cmd: list[str] | None = None) -> None:
    """Convert one recording."""
    logging.basicConfig(level="WARNING", format="%(levelname)s: %(message)s")
    options = vars(get_parser().parse_args(cmd))
    plot, model = options.pop("plot"), (options.pop("model_file"), options.pop("train_config"))
    of_model = {name: options.pop(name) for name in MODEL_OPTIONS}
    try:
        result = convert_file(AnyConverter.from_file(*model, **of_model), **options)
        print(result.summary())
        if plot:
            figure = conversion_figure(result.source, result.references, result.converted)
            save_figure(figure, plot)
    except (OSError, ValueError) as error:
        raise SystemExit(f"convert: {error}") from error


if __name__ == "__main__":
    main()
