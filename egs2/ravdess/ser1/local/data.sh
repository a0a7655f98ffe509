#!/usr/bin/env bash
# Write data/ravdess from a copy of RAVDESS: local/data.sh [--db DIR] [--download true] [--classes 8]
# common/open_corpus.sh says what the options do; those of espnet2_ext.bin.prepare ravdess can be given.
set -euo pipefail

. common/open_corpus.sh
open_corpus ravdess RAVDESS "0.2 GB" "$@"
