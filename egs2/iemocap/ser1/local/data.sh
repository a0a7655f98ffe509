#!/usr/bin/env bash
# Write data/iemocap from a release of IEMOCAP: local/data.sh --db DIR_OR_TAR_GZ
# All options go to espnet2_ext.bin.prepare iemocap; local/data.sh --help lists them.
set -euo pipefail

. ./path.sh
. common/log.sh

log "iemocap: labels, words and wavs of the release; counts are compared with the published ones"
"${python:-python3}" -m espnet2_ext.bin.prepare iemocap --data data --unpack_dir downloads "$@"
log "iemocap: data directories are in data/ [elapsed=${SECONDS}s]"
