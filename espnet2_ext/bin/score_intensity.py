"""Check that pitch, level and length follow the intensity; add a table to results.jsonl."""

import argparse

from espnet2_ext.report.conversion import report_intensity


def main(cmd: list[str] | None = None) -> None:
    """Write intensity.tsv and add records."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--inference_dir", required=True, help="output of p2v_inference for the list 'intensity'")
    add("--data_dir", required=True, help="dump directory of all utterances")
    add("--pairs_dir", required=True, help="data/<set>/pairs/intensity of derive_pairs")
    add("--results_path", required=True, help="exp/results.jsonl")
    add("--table", required=True, help="title; says 'synthetic' where data are")
    add("--protocol", required=True, help="what was converted with what")
    add("--num_workers", type=int, default=1, help="processes")
    options = parser.parse_args(cmd)
    try:
        report_intensity(**vars(options))
    except (OSError, ValueError) as error:
        raise SystemExit(f"score_intensity: {error}") from error


if __name__ == "__main__":
    main()
