#!/usr/bin/env bash
# Write data/emov_db_{train,valid,test} from a copy of EmoV-DB: local/data.sh [--db DIR] [--download true]
# Further options are those of espnet2_ext.bin.prepare emov_db.
set -euo pipefail

. common/prepare_corpus.sh
size="18 archives, 9.5 h (of a size that is not known here)" prepare_corpus emov_db EMOV_DB "$@"
