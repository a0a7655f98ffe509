#!/usr/bin/env bash
# Source this in local/data.sh of a corpus, then call prepare_corpus.
# shellcheck disable=SC2154  # set by the script that sources this
. ./path.sh
. common/log.sh
# shellcheck source=/dev/null
. ./db.sh

# prepare_corpus COMMAND VARIABLE [OPTION...]: write data/ by espnet2_ext.bin.prepare COMMAND from
# the copy that --db, else VARIABLE of db.sh, names; the other options are handed on. Where
# ${size} is set the corpus can be downloaded: --download true does so if the copy is not there.
# ${corpus} is its name where COMMAND is another one.
prepare_corpus() {
    local command=$1 variable=$2 db=${!2-} name=${corpus:-$1} download=false options=()
    shift 2
    while [ $# -gt 0 ]; do
        case "$1" in
            --db) db=${2:?--db needs a folder}; shift 2 ;;
            --download) download=${2:?--download needs true or false}; shift 2 ;;
            *) options+=("$1"); shift ;;
        esac
    done
    case "${download}" in true|false) ;; *) die "--download takes true or false, not '${download}'" ;; esac
    if [ -n "${size:-}" ]; then db=${db:-downloads/${name}}; fi
    if [[ " ${options[*]-} " != *" --help "* ]]; then
        [ -n "${db}" ] || die "db.sh has no folder for ${variable}; give it there or by --db"
        if [ -n "${size:-}" ] && [ ! -e "${db}" ]; then
            "${download}" || die "${db}: is not there; name a copy in db.sh (${variable}) or by --db, or say" \
                "--download true (of run.sh: --local_data_opts \"--download true\") to download ${size}"
            log "${name}: download to ${db}"
            "${python:-python3}" -m espnet2_ext.bin.prepare download --corpus "${name}" --out_dir "${db}" \
                --num_workers 8
        fi
    fi
    log "${command}: counts are compared with the published ones"
    "${python:-python3}" -m espnet2_ext.bin.prepare "${command}" --db "${db}" --data data \
        ${options[@]+"${options[@]}"}
    log "${command}: written to data/ [elapsed=${SECONDS}s]"
}
