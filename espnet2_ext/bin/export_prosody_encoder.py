"""Copy the prosody encoder of a pretrained Prosody2Vec into a folder of its own.

Example:
    python -m espnet2_ext.bin.export_prosody_encoder --out_dir exp/prosody_encoder \\
        --model_file ../p2v1/exp/p2v_train_p2v_hubert_base_6_200/valid.loss.best.pth
"""

from espnet2_ext.bin.entry import Command
from espnet2_ext.ser.pretrained import export_prosody_encoder

main = Command("export_prosody_encoder", __doc__, export_prosody_encoder)
main.add_argument("--model_file", required=True, help="weights of bin/p2v_train")
main.add_argument("--train_config", help="its config.yaml; none: beside the weights")
main.add_argument("--out_dir", required=True, help="gets weights, statistics and sizes")

if __name__ == "__main__":
    main()
