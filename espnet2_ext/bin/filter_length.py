"""Leave out utterances too short, too long or without voice; they go to ``rejected.tsv``."""

import argparse
import logging

from espnet2_ext.data.directory import filter_length


def main(cmd: list[str] | None = None) -> None:
    """Filter one dump directory by its ``utt2num_samples``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="formatted directory to read")
    parser.add_argument("--out_dir", required=True, help="directory to write")
    for option, default, what in (("min", 0.1, "shortest"), ("max", 20.0, "longest")):
        parser.add_argument(
            f"--{option}_duration_s",
            type=float,
            default=default,
            help=f"{what} that stays; not in paper",
        )
    parser.add_argument(
        "--speaker_dir",
        help="training set, where a validation set is filtered: what stays has another utterance "
        "of its speaker in one of the two (default: not asked for)",
    )
    options = parser.parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    filter_length(**vars(options))


if __name__ == "__main__":
    main()
