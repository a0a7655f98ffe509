#!/usr/bin/env bash
# Write data/lrs3_msp_omg_{train,valid,test} from the corpora that db.sh names.
set -euo pipefail
. common/log.sh
. common/help.sh

# options
num_valid=500               # utterances drawn for validation
num_test=500                # further ones drawn for reconstruction
seed=0                      # of both draws
allow_incomplete=false      # warn of what a corpus lacks and go on
# end of options
help_message="Usage: local/data.sh [--option VALUE ...]
$(options_help "$0")"
. common/parse_options.sh
[ $# -eq 0 ] || die "no positional arguments are taken: $*"
. ./path.sh
. ./db.sh

[ -n "${LRS3}${MSP_PODCAST}${MSP_IMPROV}${OMG}" ] \
    || die "db.sh names none of LRS3, MSP_PODCAST, MSP_IMPROV and OMG; say where one of them is"
python=${python:-python3}
mixture=data/lrs3_msp_omg
draws=(--num_valid "${num_valid}" --num_test "${num_test}" --seed "${seed}")
options=(--data data)
if "${allow_incomplete}"; then options+=(--allow_incomplete); fi
parts=()

# add CORPUS FOLDER OPTION...: prepare a corpus if there is a folder of it.
add() {
    local corpus=$1 folder=$2 part
    [ -n "${folder}" ] || { log "${corpus}: not in db.sh, left out"; return; }
    "${python}" -m "espnet2_ext.bin.prepare_${corpus}" --db "${folder}" "${options[@]}" "${@:3}"
    if [ -f "data/${corpus}/wav.scp" ]; then parts+=("data/${corpus}"); return; fi
    for part in train valid test; do parts+=("data/${corpus}_${part}"); done
}

add lrs3 "${LRS3}" --audio_dir downloads --nj "${nj:-2}" --tests in "${draws[@]}"
add msp_podcast "${MSP_PODCAST}" "${draws[@]}"
add msp_improv "${MSP_IMPROV}" "${draws[@]}"
add omg "${OMG}" --audio_dir downloads --nj "${nj:-2}" ${OMG_MEDIA:+--media_dir "${OMG_MEDIA}"}

"${python}" -m espnet2_ext.bin.combine_data --out_dir "${mixture}" --data_dirs "${parts[@]}"
"${python}" -m espnet2_ext.bin.split_pretraining --data_dir "${mixture}" --out_data data \
    --name lrs3_msp_omg "${draws[@]}"
rm -f "${mixture}_corpora"
note=$(local/corpus_note.sh)
echo "${note}" > "${mixture}_corpora"
log "${note}: data directories are in data/ [elapsed=${SECONDS}s]"
