"""Write the layer means of a frozen S3PRL upstream, once for all folds and seeds."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.ser.pretrained import cache_upstream_vectors

main = Command("cache_upstream_vectors", __doc__, cache_upstream_vectors)
add = main.add_argument
add("--data_dir", required=True, help="directory with wav.scp")
add("--out_dir", required=True, help="gets vectors.json, vectors.scp, npy/")
add("--upstream", required=True, help="name in S3PRL's hub")
add("--path_or_url", help="checkpoint, for upstreams named *_custom, *_local")
add("--num_workers", type=int, default=1, help="processes; same result")
add("--device", default="cpu", help="torch device: cpu, cuda, cuda:1")

if __name__ == "__main__":
    main()
