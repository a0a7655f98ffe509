#!/usr/bin/env bash
# Speak and sing the style part of mini_emo and write its list of conversions.
# All options go to espnet2_ext.bin.prepare mini_emo_style; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

"${python:-python3}" -m espnet2_ext.bin.prepare mini_emo_style \
    --root downloads --data data --nj "${nj:-2}" "$@"
log "mini_emo: the list is in data/ [elapsed=${SECONDS}s]"
