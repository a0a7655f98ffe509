#!/usr/bin/env bash
# Write data/msp_podcast_{train,valid,test} from a release of MSP-PODCAST: local/data.sh --db DIR
# All options go to espnet2_ext.bin.prepare msp_podcast; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

log "msp_podcast: wavs, labels and speakers; counts are compared with the published ones"
"${python:-python3}" -m espnet2_ext.bin.prepare msp_podcast --data data "$@"
log "msp_podcast: data directories are in data/ [elapsed=${SECONDS}s]"
