"""Disentanglement report: what prosody vectors say of emotion, speaker, content and pitch."""

import argparse
import logging


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model_file", required=True, help="weights of a Prosody2Vec model")
    parser.add_argument("--train_config", help="default: config.yaml beside the weights")
    parser.add_argument("--data_dirs", nargs="+", required=True, help="dump directories")
    parser.add_argument("--unit_tag", required=True, help="which units_<tag>")
    parser.add_argument("--results_path", required=True, help="exp/results.jsonl")
    parser.add_argument("--figure_dir", help="default: report/<model> beside results_path")
    parser.add_argument("--table", required=True, help="title; says 'synthetic' where data are")
    parser.add_argument("--projection", default="pca", choices=("pca", "tsne"), help="of figures")
    parser.add_argument("--max_utterances", type=int, default=2000, help="of a data directory")
    parser.add_argument("--num_workers", type=int, default=1, help="processes that measure pitch")
    parser.add_argument("--device", default="cpu", help="of the model: cpu or cuda")
    parser.add_argument("--seed", type=int, default=0, help="of folds, untrained encoder, draws")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Write tables and figures, and print the tables."""
    # Imported late: the processes that measure pitch start by importing this module, and
    # need neither torch nor ESPnet, which take many times as long.
    from espnet2_ext.report.probes import records_text, report_probes

    options = get_parser().parse_args(cmd)
    logging.basicConfig(level="INFO", format="%(asctime)s (%(module)s) %(levelname)s: %(message)s")
    try:
        print(records_text(report_probes(**vars(options))))
    except (OSError, ValueError) as error:
        raise SystemExit(f"probe: {error}") from error


if __name__ == "__main__":
    main()
