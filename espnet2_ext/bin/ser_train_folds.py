"""Train systems of emotion recognition on all folds and seeds of their protocols.

Example:
    python -m espnet2_ext.bin.ser_train_folds --configs conf/train_ser_p2v.yaml \\
        --folds_dir data/iemocap/folds --protocols loso:0,1,2 lospko:0 \\
        --data_dir dump/raw/iemocap --stats_dir exp/ser_stats \\
        --prosody_encoder_dir exp/prosody_encoder --expdir exp --nj 2
Options that are none of these go to the task, such as --max_epoch 30.
"""

from argparse import ArgumentParser
from pathlib import Path

from espnet2_ext.bin.entry import Command, start_log, user_errors
from espnet2_ext.data.parallel import parse_share
from espnet2_ext.ser.experiment import SerData, System, list_runs, read_protocols, train_folds


def add_experiment_options(parser: ArgumentParser) -> None:
    """Add the options that say which trainings there are."""
    add = parser.add_argument
    add("--configs", nargs="+", required=True, help="train_ser_SYSTEM.yaml[:SEEDS]")
    add("--folds_dir", required=True, help="written by bin/ser_folds")
    add("--protocols", nargs="+", required=True, help="NAME:SEED,SEED")
    add("--data_dir", required=True, help="dump directory with utt2emo, wav.scp")
    add("--expdir", required=True, help="gets ser_<system>/...")
    add("--emotions", nargs="+", required=True, help="classes in their order")


def get_parser() -> ArgumentParser:
    """Return the parser."""
    # A shortened name may be an option of the task.
    parser = Command("ser_train_folds", __doc__, allow_abbrev=False)
    add_experiment_options(parser)
    add = parser.add_argument
    add("--stats_dir", required=True, help="output of collect_stats or write_prosody_input")
    add("--prosody_encoder_dir", help="of bin/export_prosody_encoder")
    add("--balanced", action="store_true", help="weight the loss by class")
    add("--nj", type=int, default=1, help="trainings at a time")
    add("--ngpu", type=int, default=0, help="GPUs they share out")
    add("--share", type=parse_share, help="train only this share of them, such as 3/32")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Train what is not complete."""
    args, extra = get_parser().parse_known_args(cmd)
    start_log()
    with user_errors("ser_train_folds", RuntimeError):  # that a training failed
        encoder = args.prosody_encoder_dir and Path(args.prosody_encoder_dir)
        data = SerData.of_recipe(Path(args.data_dir), Path(args.stats_dir), encoder)
        if "--seed" in extra:
            raise ValueError("--seed: seeds stand behind the protocol's name, as in loso:0,1,2")
        if "--speaker_statistics" in extra:
            raise ValueError(
                "--speaker_statistics: an option of ser.sh, stage 6, whose table counts"
            )
        protocols = read_protocols(args.folds_dir, args.protocols, data.emotion)
        systems = [System.of_config(config) for config in args.configs]
        runs = list_runs(
            systems, protocols, args.expdir, args.emotions, balanced=args.balanced, extra=extra
        )
        if args.share is not None:
            runs = [run for place, run in enumerate(runs) if args.share.has(place)]
        train_folds(runs, data, num_jobs=args.nj, num_gpus=args.ngpu)


if __name__ == "__main__":
    main()
