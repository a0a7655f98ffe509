#!/usr/bin/env bash
# Write data/lrs3 and data/lrs3_{train,valid,test} from a copy of LRS3: local/data.sh [--db DIR]
# The sound of all clips goes to downloads/lrs3. Further options are those of
# espnet2_ext.bin.prepare lrs3.
set -euo pipefail

. common/prepare_corpus.sh
prepare_corpus lrs3 LRS3 --audio_dir downloads --nj "${nj:-2}" "$@"
