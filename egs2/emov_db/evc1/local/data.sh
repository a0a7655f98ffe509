#!/usr/bin/env bash
# Write data/emov_db_{train,valid,test} from a copy of EmoV-DB: local/data.sh [--db DIR] [--download true]
# common/open_corpus.sh says what the options do; those of espnet2_ext.bin.prepare emov_db can be given.
set -euo pipefail

. common/open_corpus.sh
open_corpus emov_db EmoV-DB "18 archives, 9.5 h (of a size that is not known here)" "$@"
