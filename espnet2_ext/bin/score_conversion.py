"""Score conversions and add the rows to results.jsonl."""

import argparse

from espnet2_ext.report.conversion import report_scores


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inference_dir", required=True, help="output of p2v_inference")
    parser.add_argument("--data_dir", required=True, help="dump directory of all utterances")
    parser.add_argument("--pairs_dir", required=True, help="pairs, targets, conditions")
    parser.add_argument("--centroids_path", required=True, help="centroids.npz of the units")
    parser.add_argument("--unit_tag", required=True, help="which units_<tag>")
    parser.add_argument("--results_path", required=True, help="exp/results.jsonl")
    parser.add_argument("--table", required=True, help="title; says 'synthetic' where data are")
    parser.add_argument("--protocol", required=True, help="what was converted with what")
    parser.add_argument("--train_config", help="config.yaml of the model, for the protocol")
    parser.add_argument("--row_name", default="converted", help="row of these conversions")
    parser.add_argument(
        "--without_reference_rows",
        dest="with_reference_rows",
        action="store_false",
        help="no rows for zero effort, resynthesis, true target and wrong sentence",
    )
    parser.add_argument("--vocoder", default="griffin_lim", help="of the resynthesis row")
    parser.add_argument("--emotion_model", help="weights or folder of ser.sh: emotion accuracy")
    parser.add_argument("--speaker_encoder", help="hub name or directory: speaker cosine")
    parser.add_argument(
        "--word_error_rate",
        dest="whisper_model",
        metavar="WHISPER",
        help="model name or path, such as base; needs text and the package faster-whisper",
    )
    parser.add_argument(
        "--dnsmos", dest="with_dnsmos", action="store_true", help="needs the package speechmos"
    )
    parser.add_argument(
        "--with_published", action="store_true", help="rows of [P2V] Table VII, which are of ESD"
    )
    parser.add_argument(
        "--f0_method",
        default="dio",
        choices=["praat", "dio", "harvest"],
        help="of mean and deviation of F0; F0-RMSE is always by dio",
    )
    parser.add_argument("--num_workers", type=int, default=1, help="processes; 1 with a GPU")
    parser.add_argument("--device", default="cpu", help="of the unit upstream")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Write scores.tsv and add records."""
    options = get_parser().parse_args(cmd)
    try:
        report_scores(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"score_conversion: {error}") from error


if __name__ == "__main__":
    main()
