#!/usr/bin/env bash
# Write data/msp_improv_{train,valid,test} from MSP-IMPROV: local/data.sh --db DIR
# All options go to espnet2_ext.bin.prepare msp_improv; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

log "msp_improv: wavs, labels and words; counts are compared with the published ones"
"${python:-python3}" -m espnet2_ext.bin.prepare msp_improv --data data "$@"
log "msp_improv: data directories are in data/ [elapsed=${SECONDS}s]"
