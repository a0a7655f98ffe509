"""Measure what was made and add a table to results.jsonl."""

from argparse import ArgumentParser

from espnet2_ext.bin.entry import Command

OPTIONS = {
    "inference_dir": "output of p2v_inference",
    "data_dir": "dump directory of all utterances",
    "pairs_dir": "pairs, targets, conditions",
    "centroids_path": "centroids.npz of the units",
    "results_path": "exp/results.jsonl",
    "table": "title; says 'synthetic' where data are",
    "protocol": "what was converted with what",
}
"""Options that several commands need."""


def require(command: ArgumentParser, *names: str) -> None:
    """Add options of ``OPTIONS`` that must be given."""
    for name in names:
        command.add_argument(f"--{name}", required=True, help=OPTIONS[name])


def add_f0_method(command: ArgumentParser) -> None:
    """Add ``--f0_method``."""
    command.add_argument(
        "--f0_method",
        default="dio",
        choices=["praat", "dio", "harvest"],
        help="of mean and deviation of F0; F0-RMSE is always by dio",
    )


def add_processes(command: ArgumentParser, device_help: str | None = None) -> None:
    """Add ``--num_workers`` and, where a network may run, ``--device``."""
    command.add_argument("--num_workers", type=int, default=1, help="processes; 1 with a GPU")
    if device_help:
        command.add_argument("--device", default="cpu", help=device_help)


def score_style(
    model_file: str,
    train_config: str | None,
    centroids: str | None,
    speaker_encoder: str | None,
    **options,
) -> None:
    """Write scores.tsv and add records."""
    from espnet2_ext.conversion.batch import read_conversions
    from espnet2_ext.conversion.trained_model import find_trained_files
    from espnet2_ext.report.style import report_style_scores

    lines = read_conversions(options["out_dir"])
    files = find_trained_files(
        model_file, train_config, centroids=centroids, speaker_encoder=speaker_encoder
    )
    report_style_scores(
        wavs={name: line.wav for name, line in lines.items()},
        cut={name: line.not_stopped > 0 for name, line in lines.items()},
        centroids_path=files.centroids,
        **options,
    )


main = Command("score", __doc__)

command = main.add_command(
    "conversion", "espnet2_ext.report.conversion:report_scores", "Score conversions of pairs"
)
require(command, *OPTIONS)
add = command.add_argument
add("--unit_tag", required=True, help="which units_<tag>")
add("--train_config", help="config.yaml of the model, for the protocol")
add("--row_name", default="converted", help="row of these conversions")
add(
    "--without_reference_rows",
    dest="with_reference_rows",
    action="store_false",
    help="no rows for source, copy synthesis, ground-truth target and mismatched text",
)
add("--vocoder", default="griffin_lim", help="of the copy synthesis row")
add("--emotion_model", help="weights or folder of ser.sh: emotion accuracy")
add("--speaker_encoder", help="hub name or directory: speaker cosine")
add(
    "--word_error_rate",
    dest="whisper_model",
    metavar="WHISPER",
    help="model name or path, such as base; needs text and the package faster-whisper",
)
add("--dnsmos", dest="with_dnsmos", action="store_true", help="needs the package speechmos")
add("--with_published", action="store_true", help="rows of [P2V] Table VII, which are of ESD")
add_f0_method(command)
add_processes(command, "of the unit upstream")

command = main.add_command(
    "intensity",
    "espnet2_ext.report.conversion:report_intensity",
    "Check that pitch, level and length follow the intensity",
)
require(command, *(name for name in OPTIONS if name != "centroids_path"))
add_processes(command)

command = main.add_command(
    "style", score_style, "Score conversions of a list against reference and source"
)
require(command, "results_path", "table", "protocol")
add = command.add_argument
add("--list", dest="list_file", required=True, help="as for convert_list")
add("--out_dir", required=True, help="of convert_list; gets scores.tsv")
add("--model_file", required=True, help="weights; their k-means makes the units")
add("--train_config", help="default: config.yaml beside the weights")
add("--centroids", help="k-means file; default: that of the training")
add("--speaker_encoder", help="as for convert_list")
add("--vocoder", default="griffin_lim", help="of the copy synthesis row")
add_f0_method(command)
add_processes(command, "of the unit upstream and of a HiFi-GAN")

command = main.add_command(
    "vocoder",
    "espnet2_ext.report.vocoders:report_vocoders",
    "Resynthesise a data directory and compare with the original",
)
require(command, "data_dir", "results_path", "table", "protocol")
command.add_argument("--output_dir", required=True, help="gets mels, audio and scores.tsv")
command.add_argument("--vocoders", nargs="+", required=True, help="VOCODER or ROW=VOCODER")
add_processes(command, "of a HiFi-GAN")

command = main.add_command(
    "speaker_vectors",
    "espnet2_ext.report.vocoders:report_speaker_vectors",
    "Score spk_embed.scp: equal error rates, and how well emotion can be read from it",
)
require(command, "results_path", "table", "protocol")
command.add_argument("--data_dirs", nargs="+", required=True, help="with spk_embed.scp")

if __name__ == "__main__":
    main()
