#!/usr/bin/env bash
# Write data/lrs3_msp_omg_{train,valid,test} from the corpora that db.sh names.
set -euo pipefail
. common/log.sh
. common/help.sh
. common/mixture.sh

# options
num_valid=500               # utterances drawn for validation
num_test=500                # further ones drawn for reconstruction
seed=0                      # of both draws
allow_incomplete=false      # warn of what a corpus lacks and go on
mel_frames_per_s=           # training speed for the estimate of GPU hours; none: a calculated one
dry_run=false               # print the estimate and stop
# end of options
help_message="Usage: local/data.sh [--option VALUE ...]
$(options_help "$0")"
. common/parse_options.sh
[ $# -eq 0 ] || die "no positional arguments are taken: $*"
. ./path.sh
# shellcheck source=/dev/null
. ./db.sh

[ -n "${LRS3}${MSP_PODCAST}${MSP_IMPROV}${OMG}" ] \
    || die "db.sh names none of LRS3, MSP_PODCAST, MSP_IMPROV and OMG; say where one of them is"
python=${python:-python3}
draws=(--num_valid "${num_valid}" --num_test "${num_test}" --seed "${seed}")
own=(--num_valid 1 --num_test 10 --seed "${seed}")  # sets of one corpus, which are joined again
options=() parts=()
if "${allow_incomplete}"; then options+=(--allow_incomplete); fi
mapfile -t corpora < <(present "lrs3:${LRS3}" "msp_podcast:${MSP_PODCAST}" \
    "msp_improv:${MSP_IMPROV}" "omg:${OMG}")

note=$(making_data=true local/corpus_note.sh)
estimate_cost lrs3_msp_omg "${note}" "${corpora[@]}"
if "${dry_run}"; then exit 0; fi

add_corpus lrs3 "${LRS3}" lrs3 --audio_dir downloads --nj "${nj:-2}" --tests in "${own[@]}"
add_corpus msp_podcast "${MSP_PODCAST}" - "${own[@]}"
add_corpus msp_improv "${MSP_IMPROV}" - "${own[@]}"
add_corpus omg "${OMG}" omg --audio_dir downloads --nj "${nj:-2}" ${OMG_MEDIA:+--media_dir "${OMG_MEDIA}"}
write_mixture lrs3_msp_omg
