"""Write the layer means of a frozen S3PRL upstream, once for all folds and seeds."""

import argparse

from espnet2_ext.ser.pretrained import cache_upstream_vectors


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="directory with wav.scp")
    parser.add_argument("--out_dir", required=True, help="gets vectors.json, vectors.scp, npy/")
    parser.add_argument("--upstream", required=True, help="name in S3PRL's hub")
    parser.add_argument("--path_or_url", help="checkpoint, for upstreams named *_custom, *_local")
    parser.add_argument("--num_workers", type=int, default=1, help="processes; same result")
    parser.add_argument("--device", default="cpu", help="torch device: cpu, cuda, cuda:1")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Compute what is missing."""
    try:
        cache_upstream_vectors(**vars(get_parser().parse_args(cmd)))
    except (OSError, ValueError) as error:
        raise SystemExit(f"cache_upstream_vectors: {error}") from error


if __name__ == "__main__":
    main()
