#!/usr/bin/env bash
# Generate mini_emo, unless ../p2v1 did, and a tiny HuBERT with random weights.
# All options go to espnet2_ext.bin.prepare mini_emo; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

"${python:-python3}" -m espnet2_ext.bin.prepare mini_emo \
    --root ../p2v1/downloads --data data --nj "${nj:-2}" "$@"
"${python:-python3}" -m espnet2_ext.bin.make_tiny_hubert --directory downloads/tiny_hubert
log "mini_emo: data directories are in data/, a tiny HuBERT in downloads/ [elapsed=${SECONDS}s]"
