"""Write prosody_input.scp: what the prosody encoder of an explicit model reads in recognition.

Contours of bin/extract_contours, relative to the speaker. A complete table is kept.
"""

from espnet2_ext.bin.entry import Command
from espnet2_ext.ser.prosody_input import SPEAKER_STATISTICS, write_prosody_input

main = Command("write_prosody_input", __doc__, write_prosody_input)
add = main.add_argument
add("--data_dir", required=True, help="with contours.scp, utt2prosody, utt2spk")
add("--prosody_encoder_dir", required=True, help="of bin/export_prosody_encoder")
add("--out_dir", required=True, help="gets prosody_input.scp")
relative = "relative to the speaker's other utterances, or to the utterance's own means"
add("--speaker_statistics", choices=SPEAKER_STATISTICS, default="others", help=relative)

if __name__ == "__main__":
    main()
