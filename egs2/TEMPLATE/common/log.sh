#!/usr/bin/env bash
# Source this for `log`: ESPnet's line of time, file, line and function before the message.

log() {
    local up=${log_up:-0}  # functions that log for their caller say `log_up=1 log ...`
    echo "$(date '+%Y-%m-%dT%H:%M:%S')" \
        "(${BASH_SOURCE[1 + up]##*/}:${BASH_LINENO[up]}:${FUNCNAME[1 + up]}) $*"
}

# Log the message as an error and leave the script.
die() {
    log_up=1 log "ERROR: $*" >&2
    exit 2
}
