"""Gather what fine-tuning takes over from a pretrained model."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.conversion.trained_model import prepare_fine_tuning

main = Command("prepare_fine_tuning", __doc__, prepare_fine_tuning)
main.add_argument("--model_file", required=True, help="pretrained weights")
main.add_argument("--config", required=True, help="yaml of the fine-tuning")
main.add_argument("--out_dir", required=True, help="gets the files")

if __name__ == "__main__":
    main()
