"""Turn a data directory into ``dump/raw/<set>``: 16 kHz mono flac and all its tables.

Files that cannot be used are listed in ``rejected.tsv``; a killed run goes on where it stopped.
"""

from espnet2_ext.bin.entry import YES_OR_NO, Command
from espnet2_ext.data.formatting import format_wav
from espnet2_ext.data.parallel import SHARE_HELP, parse_share

main = Command("format_wav", __doc__, format_wav)
add = main.add_argument
add("--data_dir", required=True, help="data directory to read")
add("--out_dir", required=True, help="dump directory to write")
add("--num_workers", type=int, default=1, help="processes")
add("--share", type=parse_share, help=SHARE_HELP)
add("--min_duration_s", type=float, default=0.1, help="shorter utterances are rejected")
add("--allow_pipes", **YES_OR_NO, help="run the commands that stand in wav.scp")
alone = "accept that (nearly) every utterance has a speaker of its own"
add("--allow_utterance_speakers", **YES_OR_NO, help=alone)

if __name__ == "__main__":
    main()
