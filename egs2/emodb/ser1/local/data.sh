#!/usr/bin/env bash
# Write data/emodb from a copy of EmoDB: local/data.sh [--db DIR] [--download true]
# common/open_corpus.sh says what the options do; those of espnet2_ext.bin.prepare emodb can be given.
set -euo pipefail

. common/open_corpus.sh
open_corpus emodb EmoDB "0.04 GB" "$@"
