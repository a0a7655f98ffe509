"""Write a tiny HuBERT with random weights, which S3PRL loads as hf_hubert_custom."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.units.tiny_upstream import make_tiny_hubert

main = Command("make_tiny_hubert", __doc__, make_tiny_hubert)
main.add_argument("--directory", required=True, help="gets weights and configuration")

if __name__ == "__main__":
    main()
