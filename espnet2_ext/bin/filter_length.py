"""Leave out utterances too short, too long or without voice; they go to ``rejected.tsv``."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.data.directory import filter_length

main = Command("filter_length", __doc__, filter_length)
add = main.add_argument
add("--data_dir", required=True, help="formatted directory to read")
add("--out_dir", required=True, help="directory to write")
add("--min_duration_s", type=float, default=0.1, help="shortest that stays")  # not in paper
add("--max_duration_s", type=float, default=20.0, help="longest that stays")  # not in paper
add(
    "--speaker_dir",
    help="training set, where a validation set is filtered: what stays has another utterance "
    "of its speaker in one of the two (default: not asked for)",
)

if __name__ == "__main__":
    main()
