#!/usr/bin/env bash
# Write data/emotion_csv from a csv: local/data.sh [--db FILE.csv]
set -euo pipefail

. ./path.sh
. common/log.sh
# shellcheck source=/dev/null
. ./db.sh

if [ "${1:-}" = --db ] && [ $# -eq 2 ]; then EMOTION_CSV=$2; shift 2; fi
[ $# -eq 0 ] && [ -n "${EMOTION_CSV}" ] \
    || die "usage: local/data.sh --db FILE.csv (file,emotion[,speaker,session]), or name it in db.sh"
"${python:-python3}" -m espnet2_ext.bin.prepare emotion_csv --csv_path "${EMOTION_CSV}" --out_dir data/emotion_csv
