#!/usr/bin/env bash
# Write data/emodb_style/list.tsv: local/data.sh --db EMODB --sources ESD_OR_DATA_DIRECTORY
# All options go to espnet2_ext.bin.prepare_emodb_style; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

"${python:-python3}" -m espnet2_ext.bin.prepare_emodb_style --data data "$@"
log "emodb: the list is in data/ [elapsed=${SECONDS}s]"
