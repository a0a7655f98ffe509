"""Write units_<tag> and unit_durations_<tag> of a data directory."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.data.parallel import SHARE_HELP, parse_share
from espnet2_ext.units.extract import extract_units

main = Command("extract_units", __doc__, extract_units)
add = main.add_argument
add("--data_dir", required=True, help="directory with wav.scp; the tables go there")
add("--centroids_path", required=True, help="from learn_kmeans or import_kmeans")
add("--path_or_url", help="checkpoint, where it lies elsewhere than the centroids say")
add("--num_workers", type=int, default=1, help="processes; the result is the same")
add("--device", default="cpu", help="torch device of an upstream: cpu, cuda")
add("--share", type=parse_share, help=SHARE_HELP)

if __name__ == "__main__":
    main()
