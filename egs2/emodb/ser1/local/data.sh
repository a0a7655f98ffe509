#!/usr/bin/env bash
# Write data/emodb from a copy of EmoDB: local/data.sh [--db DIR] [--download true]
# Further options are those of espnet2_ext.bin.prepare emodb.
set -euo pipefail

. common/prepare_corpus.sh
size="0.04 GB" prepare_corpus emodb EMODB "$@"
