#!/usr/bin/env bash
# Write data/msp_podcast_{train,valid,test} from a release of MSP-PODCAST: local/data.sh [--db DIR]
# Further options are those of espnet2_ext.bin.prepare msp_podcast.
set -euo pipefail

. common/prepare_corpus.sh
prepare_corpus msp_podcast MSP_PODCAST "$@"
