"""Generate the style part of mini_emo and write its list of conversions."""

import argparse
import logging

from espnet2_ext.corpora.mini_emo.style import prepare_style


def main(cmd: list[str] | None = None) -> None:
    """Speak and sing what is missing; a rerun with everything there takes a second."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--root", required=True, help="gets the wav files and their manifest")
    parser.add_argument("--data", required=True, help="gets mini_emo_style/list.tsv")
    parser.add_argument("--nj", type=int, default=2, help="processes; no file depends on it")
    parser.add_argument("--seed", type=int, default=0, help="of the corpus")
    parser.add_argument("--pairs_per_condition", type=int, default=12, help="of four conditions")
    parser.add_argument(
        "--other_voice",
        action="store_true",
        help="mini_emo_style_other_voice: references by another voice than the source's",
    )
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    root, data, num_workers = (options.pop(name) for name in ("root", "data", "nj"))
    try:
        prepare_style(root, data, num_workers=num_workers, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise SystemExit(f"prepare_mini_emo_style: {error}") from error


if __name__ == "__main__":
    main()
