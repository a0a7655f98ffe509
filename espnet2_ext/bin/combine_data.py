"""Combine data directories into one; an utterance that stands in two is an error."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.data.directory import combine_data_directories

main = Command("combine_data", __doc__, combine_data_directories)
main.add_argument("--out_dir", dest="out", required=True, help="directory to write")
main.add_argument(
    "--data_dirs", dest="inputs", nargs="+", required=True, help="directories to read"
)

if __name__ == "__main__":
    main()
