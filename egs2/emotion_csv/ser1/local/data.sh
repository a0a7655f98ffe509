#!/usr/bin/env bash
# Write data/emotion_csv from a csv: local/data.sh --db FILE.csv
set -euo pipefail

. ./path.sh
. common/log.sh

[ "${1:-}" = --db ] && [ $# -eq 2 ] || die "usage: local/data.sh --db FILE.csv (file,emotion[,speaker,session])"
"${python:-python3}" -m espnet2_ext.bin.prepare emotion_csv --csv_path "$2" --out_dir data/emotion_csv
