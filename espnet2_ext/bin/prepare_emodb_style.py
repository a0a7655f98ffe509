"""Write a list of English neutral speech to convert with German emotional references."""

import argparse
import logging

from espnet2_ext.corpora.emodb import prepare_style


def main(cmd: list[str] | None = None) -> None:
    """Read both corpora and write the list."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--db", required=True, help="EmoDB: folder that holds wav, or up to two above it")
    add("--sources", required=True, help="a copy of ESD, or any data directory (wav.scp)")
    add("--data", required=True, help="gets emodb_style/list.tsv")
    add("--num_sources", type=int, default=10, help="each is made angry, happy and sad")
    add("--seed", type=int, default=0, help="of the choice of sources and references")
    add("--allow_incomplete", action="store_true", help="warn of what EmoDB lacks and go on")
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    db, sources, data = (options.pop(name) for name in ("db", "sources", "data"))
    try:
        prepare_style(db, sources, data, **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"prepare_emodb_style: {error}") from error


if __name__ == "__main__":
    main()
