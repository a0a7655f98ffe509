#!/usr/bin/env bash
# Write data/emov_db_{train,valid,test} from a copy of EmoV-DB: local/data.sh --db DIR
# All options go to espnet2_ext.bin.prepare_emov_db; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

log "emov_db: wavs, words and conversion pairs; counts are compared with the published ones"
"${python:-python3}" -m espnet2_ext.bin.prepare_emov_db --data data "$@"
log "emov_db: data directories are in data/ [elapsed=${SECONDS}s]"
