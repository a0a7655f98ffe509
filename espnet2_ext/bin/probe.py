"""Disentanglement report: what prosody vectors say of emotion, speaker, content and pitch."""

from espnet2_ext.bin.entry import Command


def probe(**options) -> None:
    """Write tables and figures, and print the tables."""
    # Imported late: the processes that measure pitch start by importing this module, and
    # need neither torch nor ESPnet, which take many times as long.
    from espnet2_ext.report.probes import records_text, report_probes

    print(records_text(report_probes(**options)))


main = Command("probe", __doc__, probe)
add = main.add_argument
add("--model_file", required=True, help="weights of a Prosody2Vec model")
add("--train_config", help="default: config.yaml beside the weights")
add("--data_dirs", nargs="+", required=True, help="dump directories")
add("--unit_tag", required=True, help="which units_<tag>")
add("--results_path", required=True, help="exp/results.jsonl")
add("--figure_dir", help="default: report/<model> beside results_path")
add("--table", required=True, help="title; says 'synthetic' where data are")
add("--projection", default="pca", choices=("pca", "tsne"), help="of figures")
add("--max_utterances", type=int, default=2000, help="of a data directory")
add("--num_workers", type=int, default=1, help="processes that measure pitch")
add("--device", default="cpu", help="of the model: cpu or cuda")
add("--seed", type=int, default=0, help="of folds, untrained encoder, draws")

if __name__ == "__main__":
    main()
