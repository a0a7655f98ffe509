"""Generate the mini_emo corpus and write its data directories."""

import argparse
import logging

from espnet2_ext.corpora.mini_emo.prepare import MiniEmoSize, prepare


def main(cmd: list[str] | None = None) -> None:
    """Speak what is missing of the corpus; a rerun with everything there takes a second."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--root", required=True, help="gets the wav files and their manifest")
    parser.add_argument("--data", required=True, help="gets a data directory for every set")
    parser.add_argument("--nj", type=int, default=2, help="processes; no file depends on it")
    parser.add_argument("--seed", type=int, default=0, help="of sentences, voices, deviations")
    default = MiniEmoSize()
    sizes = parser.add_argument_group("size")
    for name, meaning in MiniEmoSize.DESCRIPTIONS.items():
        value, nargs = getattr(default, name), 3 if name == "esd_sentences" else None
        sizes.add_argument(f"--{name}", type=int, nargs=nargs, default=value, help=meaning)
    options = vars(parser.parse_args(cmd))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    root, data, nj, seed = (options.pop(name) for name in ("root", "data", "nj", "seed"))
    options["esd_sentences"] = tuple(options["esd_sentences"])
    prepare(root, data, num_workers=nj, seed=seed, size=MiniEmoSize(**options))


if __name__ == "__main__":
    main()
