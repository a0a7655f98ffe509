"""Write spk_embed.scp and spk_embed.ark, one speaker vector per utterance.

A directory that is complete is skipped, a killed run goes on where it stopped.
"""

from espnet2_ext.bin.entry import Command
from espnet2_ext.data.parallel import SHARE_HELP, parse_share
from espnet2_ext.speaker.embeddings import extract_speaker_vectors

main = Command("extract_speaker_vectors", __doc__, extract_speaker_vectors)
add = main.add_argument
add("--data_dir", required=True, help="directory with wav.scp")
add(
    "--source",
    default="speechbrain/spkrec-ecapa-voxceleb",
    help="name[@revision] on the Hugging Face hub, or a directory of SpeechBrain model files",
)
add("--num_workers", type=int, default=1, help="processes; same result")
add("--device", default="cpu", help="torch device: cpu, cuda, cuda:1")
add("--share", type=parse_share, help=SHARE_HELP)

if __name__ == "__main__":
    main()
