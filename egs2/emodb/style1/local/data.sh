#!/usr/bin/env bash
# Write data/emodb_style/list.tsv from a copy of EmoDB and English sources:
#   local/data.sh [--db DIR] [--download true] --sources ESD_OR_DATA_DIRECTORY
# Further options are those of espnet2_ext.bin.prepare emodb_style. Only EmoDB can be downloaded.
set -euo pipefail

. common/prepare_corpus.sh
corpus=emodb size="0.04 GB" prepare_corpus emodb_style EMODB "$@"
