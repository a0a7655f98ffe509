"""Convert pairs of utterances: the words of one, the prosody of another."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.conversion.batch import convert_pairs
from espnet2_ext.prosody2vec.decoding import GenerationLimits


def convert(inference_config: str | None, ngpu: int, **options) -> None:
    """Convert the pairs."""
    limits = GenerationLimits.from_file(inference_config)
    convert_pairs(**options, limits=limits, device="cuda" if ngpu > 0 else "cpu")


main = Command("p2v_inference", __doc__, convert)
add = main.add_argument
add("--model_file", required=True, help="weights")
add("--train_config", help="default: config.yaml beside the weights")
add("--data_dir", required=True, help="dump directory of all utterances")
add("--unit_tag", required=True, help="which units_<tag>")
add("--pairs_dir", required=True, help="directory with the table 'pairs'")
add("--output_dir", required=True, help="of mels, attention and audio")
add("--vocoder", default="griffin_lim", help="or a HiFi-GAN name or directory")
add("--inference_config", help="yaml of generation limits")
compensation = "validation set on which lost variance is measured; none: leave it"
add("--compensation_data_dir", help=compensation)
voices = "training set: its utterances give validation speakers their voice there too"
add("--compensation_speaker_dir", help=voices)
add("--batch_size", type=int, default=16, help="pairs at a time")
add("--num_workers", type=int, default=1, help="processes of the vocoder")
add("--ngpu", type=int, default=0, help="above 0 runs the model on a GPU")

if __name__ == "__main__":
    main()
