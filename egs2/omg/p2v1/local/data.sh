#!/usr/bin/env bash
# Write data/omg and data/omg_{train,valid,test}: local/data.sh --db DIR [--media_dir DIR]
# All options go to espnet2_ext.bin.prepare omg; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

log "omg: the sound goes to downloads/omg; what YouTube still has is counted in data/omg_attrition.tsv"
"${python:-python3}" -m espnet2_ext.bin.prepare omg --data data --audio_dir downloads \
    --nj "${nj:-2}" "$@"
log "omg: data directories are in data/ [elapsed=${SECONDS}s]"
