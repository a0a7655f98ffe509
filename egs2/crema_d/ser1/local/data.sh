#!/usr/bin/env bash
# Write data/crema_d from a copy of CREMA-D: local/data.sh [--db DIR] [--download true] [--classes 6]
# common/open_corpus.sh says what the options do; those of espnet2_ext.bin.prepare crema_d can be given.
set -euo pipefail

. common/open_corpus.sh
open_corpus crema_d CREMA-D "0.6 GB" "$@"
