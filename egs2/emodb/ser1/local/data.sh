#!/usr/bin/env bash
# Write data/emodb from a copy of EmoDB: local/data.sh --db DIR
# All options go to espnet2_ext.bin.prepare_emodb; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

log "emodb: names and wavs; counts are compared with the published ones"
"${python:-python3}" -m espnet2_ext.bin.prepare_emodb --data data "$@"
log "emodb: the data directory is in data/ [elapsed=${SECONDS}s]"
