"""Check that a data directory keeps every rule; the first broken one is the error."""

from espnet2_ext.bin.entry import YES_OR_NO, Command
from espnet2_ext.data.directory import validate_data_directory


def validate(data_dir: str, **options) -> None:
    """Validate one directory and print how many utterances it holds."""
    count = validate_data_directory(data_dir, is_source=True, **options)
    print(f"{data_dir}: {count} utterances, every rule kept")


main = Command("validate_data", __doc__, validate, is_quiet=True)
add = main.add_argument
add("--data_dir", required=True, help="data directory to check")
add("--check_audio", action="store_true", help="decode every file too")
add("--num_workers", type=int, default=1, help="processes that decode")
add("--allow_pipes", **YES_OR_NO, help="accept commands in wav.scp, and run them to check audio")
alone = "accept that (nearly) every utterance has a speaker of its own"
add("--allow_utterance_speakers", **YES_OR_NO, help=alone)

if __name__ == "__main__":
    main()
