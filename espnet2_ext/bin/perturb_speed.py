"""Write a dump directory that holds another one at several speeds.

A factor of 0.9 makes audio longer and lower, 1.0 keeps it.
"""

from collections.abc import Sequence

from espnet2_ext.bin.entry import Command
from espnet2_ext.data import formatting, parallel


def perturb_speed(factors: Sequence[str], **options) -> None:
    """Perturb; a shell variable that holds all factors may arrive as one quoted argument."""
    formatting.perturb_speed(factors=" ".join(factors).split(), **options)


main = Command("perturb_speed", __doc__, perturb_speed)
add = main.add_argument
add("--data_dir", required=True, help="formatted directory to read")
add("--out_dir", required=True, help="directory for all speeds together")
add("--factors", nargs="+", required=True, help="such as 0.9 1.0 1.1")
add("--num_workers", type=int, default=1, help="processes")
add("--share", type=parallel.parse_share, help=parallel.SHARE_HELP)

if __name__ == "__main__":
    main()
