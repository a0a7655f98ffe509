#!/usr/bin/env bash
# Write the data directories of mini_emo; its speech is generated unless ../p2v1 did.
# All options go to espnet2_ext.bin.prepare mini_emo; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

"${python:-python3}" -m espnet2_ext.bin.prepare mini_emo \
    --root ../p2v1/downloads --data data --nj "${nj:-2}" "$@"
log "mini_emo: data directories are in data/ [elapsed=${SECONDS}s]"
