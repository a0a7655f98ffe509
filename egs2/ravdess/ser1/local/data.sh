#!/usr/bin/env bash
# Write data/ravdess from a copy of RAVDESS: local/data.sh [--db DIR] [--download true] [--classes 8]
# Further options are those of espnet2_ext.bin.prepare ravdess.
set -euo pipefail

. common/prepare_corpus.sh
size="0.2 GB" prepare_corpus ravdess RAVDESS "$@"
