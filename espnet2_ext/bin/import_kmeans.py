"""Convert a published k-means file (joblib pickle of scikit-learn) to centroids.npz."""

import argparse
import logging

from espnet2_ext.units import kmeans as published


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--kmeans_path", required=True, help="km.bin of fairseq or textless, km_<k>.mdl of ESPnet")
    add("--out_path", required=True, help="centroids.npz to write")
    add("--features_spec", required=True, help="<S3PRL upstream>/<layer> it was learnt on")
    add("--path_or_url", help="checkpoint or local directory, for upstreams named *_custom")
    add("--stride_samples", type=int, default=320, help="samples from frame to frame")
    add("--offset_samples", type=int, default=200, help="centre of frame 0 in samples")
    trust = "reading the file unpickles it, which runs any code in it; this says you know its maker"
    add("--i_trust_this_file", action="store_true", help=trust)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Parse the options and convert the file."""
    logging.basicConfig(level="INFO", format="%(asctime)s (%(module)s) %(levelname)s: %(message)s")
    options = get_parser().parse_args(cmd)
    try:
        published.import_kmeans(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"import_kmeans: {error}") from error


if __name__ == "__main__":
    main()
