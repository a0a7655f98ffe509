"""Score the conversions of a list against reference and source; add a table to results.jsonl."""

import argparse

from espnet2_ext.conversion.batch import read_conversions
from espnet2_ext.conversion.trained_model import find_trained_files
from espnet2_ext.report.style import report_style_scores


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--list", dest="list_file", required=True, help="as for convert_list")
    add("--out_dir", required=True, help="of convert_list; gets scores.tsv")
    add("--model_file", required=True, help="weights; their k-means makes the units")
    add("--train_config", help="default: config.yaml beside the weights")
    add("--centroids", help="k-means file; default: that of the training")
    add("--speaker_encoder", help="as for convert_list")
    add("--results_path", required=True, help="exp/results.jsonl")
    add("--table", required=True, help="title; says 'synthetic' where data are")
    add("--protocol", required=True, help="what was converted with what")
    add("--vocoder", default="griffin_lim", help="of the resynthesis row")
    add("--f0_method", default="dio", choices=["praat", "dio", "harvest"])
    add("--num_workers", type=int, default=1, help="processes; 1 with a GPU")
    add("--device", default="cpu", help="of the unit upstream and of a HiFi-GAN")
    return parser


MODEL_OPTIONS = ("train_config", "centroids", "speaker_encoder")


def main(cmd: list[str] | None = None) -> None:
    """Write scores.tsv and add records."""
    options = vars(get_parser().parse_args(cmd))
    model_file = options.pop("model_file")
    of_model = {name: options.pop(name) for name in MODEL_OPTIONS}
    try:
        lines = read_conversions(options["out_dir"])
        report_style_scores(
            wavs={name: line.wav for name, line in lines.items()},
            cut={name: line.not_stopped > 0 for name, line in lines.items()},
            centroids_path=find_trained_files(model_file, **of_model).centroids,
            **options,
        )
    except (OSError, ValueError) as error:
        raise SystemExit(f"score_style: {error}") from error


if __name__ == "__main__":
    main()
