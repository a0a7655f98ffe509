#!/usr/bin/env bash
# Write data/omg and data/omg_{train,valid,test}: local/data.sh [--db DIR] [--media_dir DIR]
# The sound goes to downloads/omg; what YouTube still has is counted in data/omg_attrition.tsv.
# Further options are those of espnet2_ext.bin.prepare omg.
set -euo pipefail

. common/prepare_corpus.sh
prepare_corpus omg OMG --audio_dir downloads --nj "${nj:-2}" ${OMG_MEDIA:+--media_dir "${OMG_MEDIA}"} "$@"
