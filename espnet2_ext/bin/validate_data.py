"""Check that a data directory keeps every rule; the first broken one is the error."""

import argparse

from espnet2_ext.data.directory import DataDirectoryError, validate_data_directory


def main(cmd: list[str] | None = None) -> None:
    """Validate one directory and print how many utterances it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="data directory to check")
    parser.add_argument("--check_audio", action="store_true", help="decode every file too")
    parser.add_argument("--num_workers", type=int, default=1, help="processes that decode")
    options = parser.parse_args(cmd)
    try:
        count = validate_data_directory(
            options.data_dir, check_audio=options.check_audio, num_workers=options.num_workers
        )
    except DataDirectoryError as error:
        raise SystemExit(f"validate_data: {error}") from error
    print(f"{options.data_dir}: {count} utterances, every rule kept")


if __name__ == "__main__":
    main()
