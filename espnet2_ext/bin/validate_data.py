"""Check that a data directory keeps every rule; the first broken one is the error."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.data.directory import validate_data_directory


def validate(data_dir: str, **options) -> None:
    """Validate one directory and print how many utterances it holds."""
    count = validate_data_directory(data_dir, **options)
    print(f"{data_dir}: {count} utterances, every rule kept")


main = Command("validate_data", __doc__, validate, is_quiet=True)
main.add_argument("--data_dir", required=True, help="data directory to check")
main.add_argument("--check_audio", action="store_true", help="decode every file too")
main.add_argument("--num_workers", type=int, default=1, help="processes that decode")

if __name__ == "__main__":
    main()
