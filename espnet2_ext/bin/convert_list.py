"""Convert a whole list of recordings with one model: words of one, prosody of another each.

Example of a list, with tabs between the columns; speaker and text may be left out:
    name      condition      source      prosody         speaker   text
    me_angry  cross_lingual  me.wav      ein_satz.wav
Any audio files do. Paths are relative to the current directory. A rerun goes on where the
last one ended. bin/convert converts one recording, and has more options.
"""

from espnet2_ext.bin.convert import add_model_options
from espnet2_ext.bin.entry import Command
from espnet2_ext.conversion.batch import convert_list

main = Command("convert_list", __doc__, convert_list, is_quiet=True)
main.add_argument("--list", dest="list_file", required=True, help="tab-separated, as above")
main.add_argument("--out_dir", required=True, help="gets wav/NAME.wav and conversions.tsv")
add_model_options(main)

if __name__ == "__main__":
    main()
