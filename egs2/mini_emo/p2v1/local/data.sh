#!/usr/bin/env bash
# Generate mini_emo under downloads/ and write its data directories under data/.
# All options go to espnet2_ext.bin.prepare mini_emo; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

log "mini_emo: speech by eSpeak NG; nothing is downloaded"
"${python:-python3}" -m espnet2_ext.bin.prepare mini_emo \
    --root downloads --data data --nj "${nj:-2}" "$@"
log "mini_emo: data directories are in data/ [elapsed=${SECONDS}s]"
