#!/usr/bin/env bash
# Source this in the scripts of a recipe over several corpora, any of which may be absent. A corpus
# is given as NAME:FOLDER, and is absent where FOLDER is empty. Needs log.sh.
# shellcheck disable=SC2154  # set by the script that sources this

# join NAME...: print the names with " + " between them.
join() {
    local joined=$1 name
    for name in "${@:2}"; do joined+=" + ${name}"; done
    echo "${joined}"
}

# present NAME:FOLDER...: print the names of the corpora that are there, one a line.
present() {
    local pair
    for pair in "$@"; do [ -z "${pair#*:}" ] || echo "${pair%%:*}"; done
}

# mixture_note MIXTURE NAME:FOLDER...: print which corpora are used. Where there is none, what
# data/ was made of is printed; where data/ was made of others, that is a warning, but not to
# local/data.sh, which makes it anew and says ${making_data} for that.
mixture_note() {
    local made=data/$1_corpora pair note used=() lacking=()
    for pair in "${@:2}"; do
        if [ -n "${pair#*:}" ]; then used+=("${pair%%:*}"); else lacking+=("${pair%%:*}"); fi
    done
    if [ ${#used[@]} -eq 0 ]; then
        note="no corpus"
        if [ -f "${made}" ]; then note=$(cat "${made}"); fi
    else
        note=$(join "${used[@]}")
        if [ ${#lacking[@]} -gt 0 ]; then note+=", without $(join "${lacking[@]}")"; fi
        if ! "${making_data:-false}" && [ -f "${made}" ] && [ "$(cat "${made}")" != "${note}" ]; then
            echo "$0: WARNING: data/ was made of $(cat "${made}"); run stage 1 again" >&2
        fi
    fi
    echo "${note}"
}

# estimate_cost MIXTURE NOTE CORPUS...: print what pretraining on the corpora will cost, by the
# audio of an earlier run where that was of the same corpora. p2v.sh hands its options over.
estimate_cost() {
    local mixture=$1 note=$2 part options=() factors
    # shellcheck disable=SC2206  # a list of numbers
    factors=(${speeds-0.9 1.0 1.1})
    if [ "$(cat "data/${mixture}_corpora" 2> /dev/null)" = "${note}" ]; then
        options+=(--data_dirs)
        for part in train valid test; do options+=("${dumpdir:-dump}/org/${mixture}_${part}"); done
    fi
    if "${precomputed_features:-false}"; then options+=(--precomputed_features); fi
    "${python}" -m espnet2_ext.bin.estimate_cost --corpora "${@:3}" --speeds "${factors[@]:-1.0}" \
        --train_config "${p2v_config:-conf/train_p2v.yaml}" \
        ${mel_frames_per_s:+--mel_frames_per_s "${mel_frames_per_s}"} ${options[@]+"${options[@]}"}
}

# add_corpus CORPUS FOLDER DIRECTORY [OPTION...]: prepare a corpus that is there and note its
# data directories in ${parts}: data/DIRECTORY, or where that is "-" the three sets of CORPUS.
add_corpus() {
    local corpus=$1 folder=$2 directory=$3 part
    [ -n "${folder}" ] || { log "${corpus}: not in db.sh, left out"; return; }
    "${python}" -m espnet2_ext.bin.prepare "${corpus}" --db "${folder}" --data data \
        ${options[@]+"${options[@]}"} "${@:4}"
    if [ "${directory}" != - ]; then parts+=("data/${directory}"); return; fi
    for part in train valid test; do parts+=("data/${corpus}_${part}"); done
}

# write_mixture MIXTURE: combine ${parts} in data/MIXTURE, draw MIXTURE_{train,valid,test} from it
# by the options ${draws}, and keep what local/corpus_note.sh says.
write_mixture() {
    local mixture=data/$1 note
    rm -f "${mixture}_corpora"
    "${python}" -m espnet2_ext.bin.combine_data --out_dir "${mixture}" --data_dirs "${parts[@]}"
    "${python}" -m espnet2_ext.bin.prepare split --data_dir "${mixture}" --out_data data \
        --name "$1" "${draws[@]}"
    note=$(local/corpus_note.sh)
    echo "${note}" > "${mixture}_corpora"
    log "${note}: data directories are in data/ [elapsed=${SECONDS}s]"
}
