#!/usr/bin/env bash
# Write data/open_emo_{train,valid,test} from the corpora that db.sh names.
set -euo pipefail
. common/log.sh
. common/help.sh
. common/mixture.sh

# options
download=false              # fetch CREMA-D (0.6 GB) and RAVDESS (0.2 GB) where they are not there
num_valid=500               # utterances drawn for validation
num_test=500                # further ones drawn for reconstruction
seed=0                      # of both draws
allow_incomplete=false      # warn of what a corpus lacks and go on
mel_frames_per_s=           # training speed for the estimate of GPU hours; none: a calculated one
dry_run=false               # print the estimate and stop; nothing is downloaded
# end of options
help_message="Usage: local/data.sh [--option VALUE ...]
$(options_help "$0")"
. common/parse_options.sh
[ $# -eq 0 ] || die "no positional arguments are taken: $*"
. ./path.sh
# shellcheck source=/dev/null
. ./db.sh

if "${download}"; then
    CREMA_D=${CREMA_D:-downloads/crema_d}
    RAVDESS=${RAVDESS:-downloads/ravdess}
fi
export CREMA_D RAVDESS  # to local/corpus_note.sh
[ -n "${CREMA_D}${RAVDESS}${EMODB}${EMOV_DB}" ] \
    || die "db.sh names none of CREMA_D, RAVDESS, EMODB and EMOV_DB; say where one of them is, or" \
        "--download true (of run.sh: --local_data_opts \"--download true\")"
python=${python:-python3}
draws=(--num_valid "${num_valid}" --num_test "${num_test}" --seed "${seed}")
options=() parts=()
if "${allow_incomplete}"; then options+=(--allow_incomplete); fi
mapfile -t corpora < <(present "crema_d:${CREMA_D}" "ravdess:${RAVDESS}" "emodb:${EMODB}" \
    "emov_db:${EMOV_DB}")

note=$(making_data=true local/corpus_note.sh)
estimate_cost open_emo "${note}" "${corpora[@]}"
if "${dry_run}"; then exit 0; fi

# fetch CORPUS FOLDER: download the corpus where it is not there.
fetch() {
    [ ! -e "$2" ] || return 0
    log "$1: download to $2"
    "${python}" -m espnet2_ext.bin.prepare download --corpus "$1" --out_dir "$2" --num_workers 8
}
if "${download}"; then
    fetch crema_d "${CREMA_D}"
    fetch ravdess "${RAVDESS}"
fi

# Labels are not used for training, so all emotions are taken.
add_corpus crema_d "${CREMA_D}" crema_d_6 --classes 6
add_corpus ravdess "${RAVDESS}" ravdess_8 --classes 8
add_corpus emodb "${EMODB}" emodb
add_corpus emov_db "${EMOV_DB}" -
write_mixture open_emo
