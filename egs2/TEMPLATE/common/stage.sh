#!/usr/bin/env bash
# Source this for what the stages of every template share; needs log.sh, path.sh and cmd.sh, and
# ESPnet's option variables (stage, stop_stage, skip_stages, nj, ngpu, num_nodes, python).
# shellcheck disable=SC2154  # set by the script that sources this

# begin N TITLE: log the title and succeed if stage N is to run.
begin() {
    [ "${stage}" -le "$1" ] && [ "${stop_stage}" -ge "$1" ] || return 1
    [[ " ${skip_stages} " =~ [[:space:]]$1[[:space:]] ]] && return 1
    log_up=1 log "Stage $1: $2"
}

# compute LOG NGPU COMMAND...: run here with its progress bar, or on the cluster with a log.
compute() {
    local log=$1 ngpus=$2
    shift 2
    if [ "${cmd_backend}" = local ]; then
        "$@"
    else
        ${decode_cmd} --gpu "${ngpus}" --num_threads "${nj}" "${log}" "$@"
    fi
}

# in_shares LOG NGPU COMMAND...: as compute. On a cluster an array of NJ jobs, each with a share of
# the utterances, comes before; what is left for the command is to put their results together.
in_shares() {
    local log=$1 ngpus=$2
    shift 2
    if [ "${cmd_backend}" != local ] && [ "${nj}" -gt 1 ]; then
        ${train_cmd} --gpu "${ngpus}" JOB=1:"${nj}" "${log%.log}.JOB.log" \
            "$@" --num_workers 1 --share "JOB/${nj}"
    fi
    compute "${log}" "${ngpus}" "$@"
}

# fingerprint ITEM...: one hash over the contents of the files and the words that are no file.
fingerprint() {
    local item
    for item in "$@"; do
        if [ -f "${item}" ]; then cat -- "${item}"; else printf '%s\n' "${item}"; fi
    done | sha256sum | cut -d ' ' -f 1
}

# is_done DIR PRINT [FILE...]: succeed if mark_done was called with this fingerprint and the
# files are there, which not every run asks for.
is_done() {
    local dir=$1 file
    [ "$(cat "${dir}/.done" 2> /dev/null)" = "$2" ] || return 1
    for file in "${@:3}"; do [ -s "${file}" ] || return 1; done
    log_up=1 log "${dir}: complete"
}

# mark_begun DIR PRINT: note what the directory is being made from; warn if that has changed.
mark_begun() {
    mkdir -p "$1"
    if [ -f "$1/.begun" ] && [ "$(cat "$1/.begun")" != "$2" ]; then
        log_up=1 log "WARNING: data, configuration or options changed since $1 was begun; what is there is" \
            "continued. Remove it, or choose another tag, to start anew."
    fi
    rm -f "$1/.done"
    echo "$2" > "$1/.begun"
}

# mark_done DIR PRINT: call the directory complete. Written beside and renamed.
mark_done() {
    echo "$2" > "$1/.done.$$"
    mv "$1/.done.$$" "$1/.done"
}

# prepare_data [OPTION...]: run local/data.sh. The second line is for an estimate of what pretraining
# will cost.
prepare_data() {
    # shellcheck disable=SC2086  # a list of options
    nj=${nj} python=${python} \
        dumpdir=${dumpdir:-} speeds=${speed_perturb_factors:-} p2v_config=${p2v_config:-} \
        precomputed_features=${precomputed_features:-} \
        local/data.sh ${db:+--db "${db}"} ${local_data_opts} "$@"
}

# write_run_script DIR STAGE: write DIR/run.sh, which goes on from this stage with the options of
# this run. A template that another one calls leaves that to its caller.
write_run_script() {
    [ "${RECIPE_SUPERVISED:-${0##*/}}" = "${0##*/}" ] || return 0
    log_up=1 log "$1/run.sh resumes from here"
    mkdir -p "$1"
    {
        echo "#!/usr/bin/env bash"
        printf '%q ' "./${0##*/}" ${arguments[@]+"${arguments[@]}"}
        echo "--stage $2 \"\$@\"; exit \$?"
    } > "$1/run.sh"
    chmod +x "$1/run.sh"
}

# tag_of OPTIONS: print further options of training as a part of an experiment's name.
tag_of() { sed -e "s/--/\_/g" -e "s/[ |=\/]//g" <<< "$1"; }

# estimate_only: have local/data.sh print what pretraining will cost, and leave.
estimate_only() {
    grep -q '^dry_run=' local/data.sh || die "--dry_run: local/data.sh of this recipe has no estimate"
    prepare_data --dry_run true
    exit 0
}

# collect_stats DIR NJ TRAIN_TABLE VALID_TABLE COMMAND...: run the ESPnet task's command with
# --collect_stats in NJ jobs over parts of the tables' utterances and add their results up.
collect_stats() {
    local dir=$1 jobs=$2 train_table=$3 valid_table=$4 logdir=$1/logdir part lines name
    shift 4
    rm -rf "${dir:?}"/{logdir,train,valid,.done}
    mkdir -p "${logdir}"
    for part in "${train_table}" "${valid_table}"; do
        lines=$(wc -l < "${part}")
        jobs=$((lines < jobs ? lines : jobs))
    done
    for part in train valid; do
        name=${part}_table
        awk -v jobs="${jobs}" -v lines="$(wc -l < "${!name}")" -v out="${logdir}/${part}" \
            '{ print > (out "." int((NR - 1) * jobs / lines) + 1 ".scp") }' "${!name}"
    done
    ${train_cmd} JOB=1:"${jobs}" "${logdir}/stats.JOB.log" "$@" --collect_stats true \
        --train_shape_file "${logdir}/train.JOB.scp" --valid_shape_file "${logdir}/valid.JOB.scp" \
        --output_dir "${logdir}/stats.JOB"
    local inputs=()
    for ((part = 1; part <= jobs; part++)); do inputs+=(--input_dir "${logdir}/stats.${part}"); done
    "${python}" -m espnet2.bin.aggregate_stats_dirs "${inputs[@]}" --output_dir "${dir}" 2> /dev/null
}

# train LOG COMMAND...: start ESPnet's launcher; on this machine show the losses as they come.
train() {
    local log=$1 launcher line='.* \([0-9]*epoch:[a-z]*:[0-9-]*batch\):.*[^a-z_]loss=\([0-9.e+-]*\)'
    shift
    log "Training, log: ${log}"
    mkdir -p "$(dirname "${log}")"
    "${python}" -m espnet2.bin.launch --cmd "${cuda_cmd} --name $(basename "$(dirname "${log}")")" \
        --log "${log}" --ngpu "${ngpu}" --num_nodes "${num_nodes}" \
        --init_file_prefix "$(dirname "${log}")/.dist_init_" --multiprocessing_distributed true -- \
        "$@" 2>&1 &
    launcher=$!
    if [ "${cmd_backend}" = local ]; then
        tail -n 0 -s 0.2 -F --pid "${launcher}" "${log}" 2> /dev/null \
            | sed -un "s/${line}.*time_left=\(.*\)/\1 loss \2, \3 left/p; t; s/${line}.*/\1 loss \2/p" || true
    fi
    wait "${launcher}"
}

# list_pairs SET...: print every list of pairs, data/SET/pairs/NAME, as SET/NAME; same_voice,
# the setting a reader looks for first, comes first.
list_pairs() {
    local name pairs
    for name in "$@"; do
        for pairs in data/"${name}"/pairs/{same_voice,*}/; do
            if [ -f "${pairs}/pairs" ]; then echo "${name}/$(basename "${pairs}")"; fi
        done
    done | awk '!seen[$0]++'
}

# show_results [EXP]: write EXP/RESULTS.md, by default in ${expdir}, and print its tables.
show_results() { python=${python} common/show_result.sh "${1:-${expdir}}"; }
