"""Turn predicted mel-spectrograms into audio."""

from espnet2_ext.bin.entry import Command
from espnet2_ext.vocoder.vocode import vocode_mels

main = Command("vocode", __doc__, vocode_mels)
add = main.add_argument
add("--mel_scp", required=True, help="table 'key file.npy' of mels (T, 80)")
add("--output_dir", required=True, help="where wav/ and wav.scp appear")
add("--vocoder", default="griffin_lim", help="or a HiFi-GAN name or directory")
add("--num_workers", type=int, default=1, help="processes; 1 with a GPU")
add("--device", default="cpu", help="of a HiFi-GAN")

if __name__ == "__main__":
    main()
