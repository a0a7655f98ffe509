"""Convert a published k-means file (joblib pickle of scikit-learn) to centroids.npz."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.units.kmeans import import_kmeans

main = Command("import_kmeans", __doc__, import_kmeans)
add = main.add_argument
add("--kmeans_path", required=True, help="km.bin of fairseq or textless, km_<k>.mdl of ESPnet")
add("--out_path", required=True, help="centroids.npz to write")
add("--features_spec", required=True, help="<S3PRL upstream>/<layer> it was learnt on")
add("--path_or_url", help="checkpoint or local directory, for upstreams named *_custom")
add("--stride_samples", type=int, default=320, help="samples from frame to frame")
add("--offset_samples", type=int, default=200, help="centre of frame 0 in samples")
trust = "reading the file unpickles it, which runs any code in it; this says you know its maker"
add("--i_trust_this_file", action="store_true", help=trust)

if __name__ == "__main__":
    main()
