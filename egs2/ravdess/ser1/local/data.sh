#!/usr/bin/env bash
# Write data/ravdess from a copy of RAVDESS: local/data.sh [--db DIR] [--download true] [--classes 8]
# A DIR that is not there is downloaded to where --download true is said. All other options go to
# espnet2_ext.bin.prepare_ravdess; local/data.sh --help lists them.
set -euo pipefail

db=downloads/ravdess
download=false
options=()
while [ $# -gt 0 ]; do
    case "$1" in
        --db) db=${2:?--db needs a folder}; shift 2 ;;
        --download) download=${2:?--download needs true or false}; shift 2 ;;
        *) options+=("$1"); shift ;;
    esac
done

. ./path.sh
. common/log.sh

case "${download}" in true|false) ;; *) die "--download takes true or false, not '${download}'" ;; esac
if [[ " ${options[*]-} " != *" --help "* ]] && [ ! -e "${db}" ]; then
    "${download}" || die "${db}: is not there; give a copy of RAVDESS by --db, or say --download true" \
        "(of run.sh: --local_data_opts \"--download true\") to download 0.2 GB"
    log "ravdess: download to ${db}"
    "${python:-python3}" -m espnet2_ext.bin.download_corpus --corpus ravdess --out_dir "${db}" --num_workers 8
fi

log "ravdess: names and wavs; counts are compared with the published ones"
"${python:-python3}" -m espnet2_ext.bin.prepare_ravdess --db "${db}" --data data ${options[@]+"${options[@]}"}
log "ravdess: data directories are in data/ [elapsed=${SECONDS}s]"
