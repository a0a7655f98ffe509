#!/usr/bin/env bash
# Write data/lrs3 and data/lrs3_{train,valid,test} from a copy of LRS3: local/data.sh --db DIR
# All options go to espnet2_ext.bin.prepare lrs3; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

log "lrs3: the sound of all clips goes to downloads/lrs3; counts are compared with the published ones"
"${python:-python3}" -m espnet2_ext.bin.prepare lrs3 --data data --audio_dir downloads \
    --nj "${nj:-2}" "$@"
log "lrs3: data directories are in data/ [elapsed=${SECONDS}s]"
