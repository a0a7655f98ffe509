#!/usr/bin/env bash
# Write data/esd_{train,valid,test} from a copy of ESD: local/data.sh --db DIR [--speakers 0013 ...]
# All options go to espnet2_ext.bin.prepare esd; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

log "esd: wavs, words and conversion pairs; counts are compared with the published ones"
"${python:-python3}" -m espnet2_ext.bin.prepare esd --data data "$@"
log "esd: data directories are in data/ [elapsed=${SECONDS}s]"
