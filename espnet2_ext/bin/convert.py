"""Say the words of one recording with the prosody of another, in any voice.

Example:
    python -m espnet2_ext.bin.convert --model_file exp/p2v_TAG/valid.loss.best.pth \\
        --source me.m4a --prosody angry.wav --out angry_me.wav --plot angry_me.png
Any audio file does, of any length. Prints seconds and mean F0 of all recordings.
"""

from argparse import ArgumentParser
from dataclasses import fields

from espnet2.utils.types import str2bool

from espnet2_ext.bin.entry import Command
from espnet2_ext.conversion.recordings import AnyConverter, convert_file
from espnet2_ext.prosody2vec.predictor import ProsodyControl
from espnet2_ext.report.figures import conversion_figure, save_figure


def add_model_options(parser: ArgumentParser) -> None:
    """Add what says with which model, units, voices and vocoder to convert."""
    add = parser.add_argument_group("model").add_argument
    add("--model_file", required=True, help="weights")
    add("--train_config", help="default: config.yaml beside the weights")
    add("--centroids", help="k-means file; default: that of the training")
    add("--speaker_encoder", help="default: that of the training")
    add("--vocoder", default="griffin_lim", help="or a HiFi-GAN name or directory")
    add("--max_segment_s", type=float, default=10.0, help="longer is split at pauses; 3 to 60")
    add(
        "--variance_compensation",
        type=str2bool,
        metavar="{true,false}",
        help="give back what MODEL.contrast.json says was lost; default: where that file is",
    )
    add("--device", default="cpu", help="torch device: cpu, cuda, cuda:1")


RECORDINGS = (
    *("source", "prosody", "speaker", "intensity", "interpolate_from", "out"),
    *("speaker_wavs", "prosody_speaker_wavs"),
)
CONTROLS = [each.name for each in fields(ProsodyControl)]


def convert(plot: str | None, **options) -> None:
    """Convert one recording, print what became of it, and draw it."""
    recordings = {name: options.pop(name) for name in RECORDINGS}
    control = ProsodyControl(**{name: options.pop(name) for name in CONTROLS})
    result = convert_file(AnyConverter.from_file(**options), **recordings, control=control)
    print(result.summary())
    if plot:
        waveforms = result.source, result.references, result.converted
        save_figure(conversion_figure(*waveforms, predicted=result.predicted), plot)


main = Command("convert", __doc__, convert, is_quiet=True)
add_model_options(main)
add = main.add_argument_group("recordings").add_argument
add("--source", required=True, help="whose words")
add("--prosody", required=True, nargs="+", action="extend", help="whose prosody; mean of many")
add("--speaker", help="whose voice: another recording, as in training; default: source")
add("--intensity", type=float, help="0 neutral, 1 as --prosody (default), 2 more; -3 to 3")
add("--interpolate_from", help="neutral prosody; default: the source's")
add("--out", required=True, help="audio to write, .wav or .flac")
add = main.add_argument_group("explicit prosody path").add_argument
of_voice = "further recordings of who shall speak, for mean pitch, level and rate"
add("--speaker_wavs", nargs="+", default=[], action="extend", help=of_voice)
of_reference = "other recordings of the reference's speaker; default: from its speaker vector"
add("--prosody_speaker_wavs", nargs="+", default=[], action="extend", help=of_reference)
add("--pitch_semitones", type=float, default=0.0, help="added to the pitch")
add("--pitch_range", type=float, default=1.0, help="factor of the pitch's movement about its mean")
add("--tempo", type=float, default=1.0, help="factor of the speed; 2 is twice as fast")
add("--level_db", type=float, default=0.0, help="added to the level")
main.add_argument("--plot", help="figure to write: mels and F0 (.png, .svg, .pdf)")

if __name__ == "__main__":
    main()
