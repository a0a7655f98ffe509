"""List conversions, sources and ground-truth targets for a listening test."""

from collections.abc import Sequence

from espnet2_ext.bin.entry import Command
from espnet2_ext.listening.manifest import conversion_manifest


def write_manifest(systems: Sequence[str], **options) -> None:
    """Write the manifest of systems ``NAME=INFERENCE_DIR``."""
    conversion_manifest(dict(system.partition("=")[::2] for system in systems), **options)


main = Command("listening_manifest", __doc__, write_manifest)
add = main.add_argument
add(
    "--system",
    dest="systems",
    action="append",
    required=True,
    metavar="NAME=INFERENCE_DIR",
    help="the name gets ', variance compensation' where that was done",
)
add("--data_dir", required=True, help="dump directory of all utterances")
add("--pairs_dir", required=True, help="pairs, targets, conditions")
add("--out_path", required=True, help="of the manifest")
add("--num_items", type=int, default=10, help="for each condition")
add("--num_practice", type=int, default=1, help="items of practice")
add("--num_checks", type=int, default=0, help="of attention")
add("--reference", default="target", choices=["target", "prosody"], help="compared to")
add("--seed", type=int, default=0, help="which pairs")

if __name__ == "__main__":
    main()
