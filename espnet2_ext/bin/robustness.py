"""Convert from damaged sources and report what is left, against the amount of damage.

Conditions that are complete are kept.
"""

from espnet2_ext.bin.entry import Command
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.report.robustness import report_robustness


def robustness(inference_config: str | None, **options) -> None:
    """Run the study."""
    report_robustness(limits=GenerationLimits.from_file(inference_config), **options)


main = Command("robustness", __doc__, robustness)
add = main.add_argument
add("--model_file", required=True, help="weights")
add("--train_config", help="default: config.yaml beside the weights")
add("--data_dir", required=True, help="dump directory of all utterances")
add("--pairs_dir", required=True, help="pairs, targets, conditions")
add("--unit_tag", required=True, help="which units_<tag>")
add("--centroids_path", required=True, help="centroids.npz of the units")
add("--shares", type=float, nargs="*", default=[0, 0.05, 0.1, 0.2, 0.4], help="of units")
add("--snrs_db", type=float, nargs="*", default=[30, 20, 10, 0], help="of each noise")
add("--rt60s_s", type=float, nargs="*", default=[0.3, 0.6], help="reverberation times")
add("--noises", nargs="*", default=["white", "babble"], choices=["white", "babble"])
add("--max_pairs", type=int, help="taken evenly over conditions; default: all")
add("--compensation_data_dir", help="as for p2v_inference; none: leave mels as generated")
add("--compensation_speaker_dir", help="as for p2v_inference")
add("--inference_config", help="yaml of generation limits")
add("--vocoder", default="griffin_lim", help="or a HiFi-GAN name or directory")
add("--results_path", required=True, help="exp/results.jsonl")
add("--table", required=True, help="title; says 'synthetic' where data are")
add("--out_dir", required=True, help="of conversions and the figure")
add("--seed", type=int, default=0, help="of places, noises and rooms")
add("--num_workers", type=int, default=1, help="processes; 1 with a GPU")
add("--device", default="cpu", help="of model and unit upstream")

if __name__ == "__main__":
    main()
