#!/usr/bin/env bash
# Write data/emodb_style/list.tsv from a copy of EmoDB and sources:
#   local/data.sh [--db DIR] [--download true] --sources ESD_OR_DATA_DIRECTORY
# common/open_corpus.sh says what the options do; those of espnet2_ext.bin.prepare emodb_style can be
# given. Only EmoDB can be downloaded.
set -euo pipefail

. common/open_corpus.sh
parser=emodb_style open_corpus emodb EmoDB "0.04 GB" "$@"
