"""Write the lists parallel, average and intensity beside a list of pairs, with their rules."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.data.pairs import derive_pairs

main = Command("derive_pairs", __doc__, derive_pairs)
add = main.add_argument
add("--pairs_dir", required=True, help="data/<set>/pairs/same_voice")
add("--data_dir", required=True, help="data/<set>, with utt2spk and utt2emo")
add("--num_references", type=int, default=5, help="of an average")
steps = [0.0, 0.25, 0.5, 0.75, 1.0]
add("--intensities", type=float, nargs="+", default=steps, help="of the scale")
add("--pairs_per_condition", type=int, help="of the scale; all if not given")
add("--seed", type=int, default=0, help="of what is drawn")

if __name__ == "__main__":
    main()
