"""Score finished trainings and add the tables to results.jsonl."""

from collections.abc import Sequence

from espnet2_ext.bin.entry import Command
from espnet2_ext.bin.ser_train_folds import add_experiment_options
from espnet2_ext.report.ser import report_experiment
from espnet2_ext.ser.experiment import System, read_protocols


def score(
    configs: Sequence[str],
    folds_dir: str,
    protocols: Sequence[str],
    data_dir: str,
    expdir: str,
    emotions: Sequence[str],
    comparisons: Sequence[str],
    **options,
) -> None:
    """Score the systems."""
    report_experiment(
        [System.of_config(config) for config in configs],
        read_protocols(folds_dir, protocols, f"{data_dir}/utt2emo"),
        expdir,
        emotions,
        utt2spk=f"{data_dir}/utt2spk",
        comparisons=[pair.split(":") for pair in comparisons],
        **options,
    )


main = Command("ser_score", __doc__, score)
add_experiment_options(main)
add = main.add_argument
add("--title", required=True, help="says 'synthetic' where data are")
add("--comparisons", nargs="*", default=[], help="A:B of systems to compare")
add("--with_published", action="store_true", help="figures of the literature")
add("--units", default="", help="vocabulary of the P2V model, for row names")
add("--notes", default="", help="stands in the protocol's text")

if __name__ == "__main__":
    main()
