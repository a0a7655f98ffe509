#!/usr/bin/env bash
# Write data/esd_{train,valid,test} from a copy of ESD: local/data.sh [--db DIR] [--speakers 0013 ...]
# Further options are those of espnet2_ext.bin.prepare esd.
set -euo pipefail

. common/prepare_corpus.sh
prepare_corpus esd ESD "$@"
