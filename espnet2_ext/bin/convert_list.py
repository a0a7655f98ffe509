"""Convert a whole list of recordings with one model: words of one, prosody of another each.

Example of a list, with tabs between the columns; speaker and text may be left out:
    name      condition      source      prosody         speaker   text
    me_angry  cross_lingual  me.wav      ein_satz.wav
Any audio files do. Paths are relative to the current directory. A rerun goes on where the
last one ended. bin/convert converts one recording, and has more options.
"""

import argparse
import logging
from dataclasses import fields

from espnet2.utils.types import str2bool

from espnet2_ext.conversion.batch import ModelChoice, convert_list


def get_parser() -> argparse.ArgumentParser:
    """Return the parser, for documentation tools."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--list", dest="list_file", required=True, help="tab-separated, as above")
    add("--out_dir", required=True, help="gets wav/NAME.wav and conversions.tsv")
    add("--model_file", required=True, help="weights")
    add("--train_config", help="default: config.yaml beside the weights")
    add("--centroids", help="k-means file; default: that of the training")
    add("--speaker_encoder", help="default: that of the training")
    add("--vocoder", default="griffin_lim", help="or a HiFi-GAN name or directory")
    add("--max_segment_s", type=float, default=10.0, help="longer is split at pauses; 3 to 60")
    add(
        "--restore_contrast",
        type=str2bool,
        metavar="{true,false}",
        help="give back what MODEL.contrast.json says was lost; default: where that file is",
    )
    add("--device", default="cpu", help="torch device: cpu, cuda, cuda:1")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Convert what is missing of the list."""
    logging.basicConfig(level="WARNING", format="%(levelname)s: %(message)s")
    options = vars(get_parser().parse_args(cmd))
    model = {field.name: options.pop(field.name) for field in fields(ModelChoice)}
    try:
        convert_list(model=ModelChoice(**model), **options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"convert_list: {error}") from error


if __name__ == "__main__":
    main()
