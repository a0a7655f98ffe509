"""Learn k-means centroids of frame features on a data directory."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.units.kmeans import NUM_INITIALISATIONS, learn_kmeans

main = Command("learn_kmeans", __doc__, learn_kmeans)
add = main.add_argument
add("--data_dir", required=True, help="directory with wav.scp")
add("--out_path", required=True, help="centroids.npz to write; kept if made with these options")
add("--features_spec", required=True, help="mfcc or <S3PRL upstream>/<layer>: hubert_base/6")
add("--path_or_url", help="checkpoint or local directory, for upstreams named *_custom")
add("--num_clusters", type=int, required=True, help="how many units")
add("--max_frames", type=int, default=1_000_000, help="frames sampled to cluster")
add("--portion", type=float, default=1.0, help="share of the utterances to look at")
add("--max_utterances", type=int, help="upper limit on the utterances to look at")
add("--num_initialisations", type=int, default=NUM_INITIALISATIONS, help="k-means++")
add("--refinement_passes", type=int, default=20, help="of full k-means afterwards")
add("--switch_penalty", type=float, default=0.0, help="price of a change of unit; 0 for HuBERT")
add("--seed", type=int, default=0, help="of utterances, frames and k-means")
add("--num_workers", type=int, default=1, help="processes; the result is the same")
add("--device", default="cpu", help="torch device of an upstream: cpu, cuda")

if __name__ == "__main__":
    main()
