"""Write the folds of an emotion recognition protocol, after a check that nothing leaks."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.ser.folds import SUPERB_LISTS, format_folds, prepare_folds
from espnet2_ext.ser.protocols import PROTOCOLS


def write_folds(**options) -> None:
    """Write <out_dir>/<protocol>/ and print the table of folds with declared overlaps."""
    print(format_folds(prepare_folds(**options)))


main = Command("ser_folds", __doc__, write_folds)
add = main.add_argument
add("--data_dir", required=True, help="with utt2emo and, mostly, utt2session")
add("--protocol", required=True, choices=PROTOCOLS, help="how to split")
add("--out_dir", help="gets a folder of the protocol; <data_dir>/folds")
add("--seed", type=int, default=0, help="of everything drawn")
add("--num_folds", type=int, help="of protocols speakers and random; 5")
add("--max_train", type=int, help="keep so many training utterances a fold")
add("--folds_csv", help="of protocol given: utterance,fold or utterance,part")
add(
    "--superb_lists",
    default=SUPERB_LISTS,
    help="of protocol superb: S3PRL's downstream/emotion/meta_data; fetched where not there",
)
add("--pretrained_model", help="weights, whose config.yaml names the data of pretraining")
add(
    "--pretraining_data_dirs",
    nargs="*",
    default=[],
    help="all that pretraining used; none: what the model's config.yaml names",
)
declared = "declare overlaps: pretraining/test:sentence ..."
add("--allow", nargs="*", default=[], help=declared)
add("--compare_content", action="store_true", help="compare samples, too")

if __name__ == "__main__":
    main()
