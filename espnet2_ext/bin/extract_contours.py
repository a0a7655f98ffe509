"""Write contours.scp and utt2prosody: pitch, voicing and level of every utterance.

Only where the configuration's prosody path is explicit. A directory that is complete is skipped,
a killed run goes on where it stopped.
"""

from espnet2_ext.bin.entry import Command
from espnet2_ext.data.parallel import SHARE_HELP, parse_share
from espnet2_ext.prosody2vec.contour_tables import extract_contours

main = Command("extract_contours", __doc__, extract_contours)
add = main.add_argument
add("--data_dir", required=True, help="directory with wav.scp")
add("--train_config", required=True, help="its f0_tracker and features_conf count")
add("--num_workers", type=int, default=1, help="processes; same result")
add("--share", type=parse_share, help=SHARE_HELP)

if __name__ == "__main__":
    main()
