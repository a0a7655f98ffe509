#!/usr/bin/env bash
# Source this in local/data.sh of an open corpus, then call open_corpus.
# shellcheck disable=SC2154  # set by the script that sources this
. ./path.sh
. common/log.sh

# open_corpus NAME TITLE SIZE [OPTION...]: write data/ from the copy that --db names, by
# espnet2_ext.bin.prepare NAME, which gets all options but --db and --download. A copy that is not
# there is downloaded to where --download true is said. ${parser} names another command than NAME.
open_corpus() {
    local name=$1 title=$2 size=$3 db=downloads/$1 download=false command=${parser:-$1} options=()
    shift 3
    while [ $# -gt 0 ]; do
        case "$1" in
            --db) db=${2:?--db needs a folder}; shift 2 ;;
            --download) download=${2:?--download needs true or false}; shift 2 ;;
            *) options+=("$1"); shift ;;
        esac
    done
    case "${download}" in true|false) ;; *) die "--download takes true or false, not '${download}'" ;; esac
    if [[ " ${options[*]-} " != *" --help "* ]] && [ ! -e "${db}" ]; then
        "${download}" || die "${db}: is not there; give a copy of ${title} by --db, or say --download true" \
            "(of run.sh: --local_data_opts \"--download true\") to download ${size}"
        log "${name}: download to ${db}"
        "${python:-python3}" -m espnet2_ext.bin.prepare download --corpus "${name}" --out_dir "${db}" \
            --num_workers 8
    fi
    log "${command}: names and wavs; counts are compared with the published ones"
    "${python:-python3}" -m espnet2_ext.bin.prepare "${command}" --db "${db}" --data data \
        ${options[@]+"${options[@]}"}
    log "${command}: written to data/ [elapsed=${SECONDS}s]"
}
