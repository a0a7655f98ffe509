#!/usr/bin/env bash
# Source this in a template after log.sh, help.sh and the list of options: parses the options,
# sets paths and commands, logs the command line, and makes all processes end with the script.
# shellcheck disable=SC2034  # arguments is read by stage.sh

arguments=("$@")
. common/parse_options.sh
[ $# -eq 0 ] || die "no positional arguments are taken: $*"
# --db "LRS3=/a OMG=/b" wins over db.sh, as the environment does.
if [[ ${db:-} =~ ^[A-Z][A-Z0-9_]*= ]]; then
    for _name in ${db}; do export "${_name?}"; done
    db=
    unset _name
fi
. ./path.sh
. ./cmd.sh
if [ -z "${RECIPE_SUPERVISED:-}" ]; then
    RECIPE_SUPERVISED=${0##*/} exec common/supervise.py "$0" "${arguments[@]}"
fi
log_up=1 log "./${0##*/}$([ ${#arguments[@]} -eq 0 ] || printf ' %q' "${arguments[@]}")"
. common/stage.sh
