#!/usr/bin/env bash
# Write data/msp_improv_{train,valid,test} from MSP-IMPROV: local/data.sh [--db DIR]
# Further options are those of espnet2_ext.bin.prepare msp_improv.
set -euo pipefail

. common/prepare_corpus.sh
prepare_corpus msp_improv MSP_IMPROV "$@"
