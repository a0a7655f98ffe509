"""Write the folds of an emotion recognition protocol, after a check that nothing leaks."""

import argparse
import logging

from espnet2_ext.ser.folds import SUPERB_LISTS, format_folds, prepare_folds
from espnet2_ext.ser.protocols import PROTOCOLS


def main(cmd: list[str] | None = None) -> None:
    """Write <out_dir>/<protocol>/ and print the table of folds with declared overlaps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="with utt2emo and, mostly, utt2session")
    parser.add_argument("--protocol", required=True, choices=PROTOCOLS, help="how to split")
    parser.add_argument("--out_dir", help="gets a folder of the protocol; <data_dir>/folds")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn")
    parser.add_argument("--num_folds", type=int, help="of protocols speakers and random; 5")
    parser.add_argument("--max_train", type=int, help="keep so many training utterances a fold")
    parser.add_argument("--folds_csv", help="of protocol given: utterance,fold or utterance,part")
    parser.add_argument(
        "--superb_lists",
        default=SUPERB_LISTS,
        help="of protocol superb: S3PRL's downstream/emotion/meta_data; fetched where not there",
    )
    parser.add_argument(
        "--pretrained_model", help="weights, whose config.yaml names the data of pretraining"
    )
    parser.add_argument(
        "--pretraining_data_dirs",
        nargs="*",
        default=[],
        help="all that pretraining used; none: what the model's config.yaml names",
    )
    parser.add_argument(
        "--allow", nargs="*", default=[], help="declare overlaps: pretraining/test:sentence ..."
    )
    parser.add_argument("--compare_content", action="store_true", help="compare samples, too")
    options = parser.parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        print(format_folds(prepare_folds(**vars(options))))
    except (OSError, ValueError) as error:
        raise SystemExit(f"ser_folds: {error}") from error


if __name__ == "__main__":
    main()
