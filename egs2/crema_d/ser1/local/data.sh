#!/usr/bin/env bash
# Write data/crema_d from a copy of CREMA-D: local/data.sh [--db DIR] [--download true] [--classes 6]
# Further options are those of espnet2_ext.bin.prepare crema_d.
set -euo pipefail

. common/prepare_corpus.sh
size="0.6 GB" prepare_corpus crema_d CREMA_D "$@"
