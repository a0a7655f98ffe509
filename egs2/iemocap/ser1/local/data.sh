#!/usr/bin/env bash
# Write data/iemocap from a release of IEMOCAP: local/data.sh [--db DIR_OR_TAR_GZ]
# Further options are those of espnet2_ext.bin.prepare iemocap.
set -euo pipefail

. common/prepare_corpus.sh
prepare_corpus iemocap IEMOCAP --unpack_dir downloads "$@"
