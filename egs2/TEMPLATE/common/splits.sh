#!/usr/bin/env bash
# Source this after stage.sh for `split_tables`: training that has a part of its tables in memory.
# The manner is ESPnet's num_splits_asr.
# shellcheck disable=SC2154  # set by the script that sources this

# split_tables NUM DIR COMMAND: have the training command in the array COMMAND read its tables of
# the training set as NUM parts, one after the other. They are made in DIR, again where a table
# has changed. With NUM 1 nothing is done.
split_tables() {
    local num=$1 dir=$2 i print tables=()
    local -n words=$3
    [ "${num}" -gt 1 ] || return 0
    for ((i = 1; i < ${#words[@]}; i++)); do
        case ${words[i - 1]} in
            --train_shape_file | --train_data_path_and_name_and_type)
                tables+=("${words[i]%%,*}")
                words[i]=${dir}/${words[i]##*/} ;;
        esac
    done
    words+=(--multiple_iterator true)
    print=$(fingerprint "${tables[@]}")
    if is_done "${dir}" "${print}"; then return 0; fi
    log_up=1 log "Tables of the training set in ${num} parts: ${dir}"
    rm -rf "${dir:?}"
    mkdir -p "${dir}/sorted"
    for i in "${!tables[@]}"; do
        # Precomputed features are listed in the order in which loader processes delivered them.
        if ! LC_ALL=C sort -k 1,1 -c "${tables[i]}" 2> /dev/null; then
            LC_ALL=C sort -k 1,1 -o "${dir}/sorted/${tables[i]##*/}" "${tables[i]}"
            tables[i]=${dir}/sorted/${tables[i]##*/}
        fi
    done
    "${python}" -m espnet2.bin.split_scps --scps "${tables[@]}" --num_splits "${num}" --output_dir "${dir}" \
        || die "not split into ${num} parts: ${tables[*]}; they need the same utterances, ${num} or more." \
            "Where they differ, run stages 2 to 7 again."
    rm -r "${dir}/sorted"
    mark_done "${dir}" "${print}"
}
