#!/usr/bin/env bash
# Print which of the four corpora are used, for the titles of results. Where db.sh names none,
# what data/ was made of is printed.
set -euo pipefail

. ./db.sh

# join NAME...: print the names with " + " between them.
join() {
    local joined=$1 name
    for name in "${@:2}"; do joined+=" + ${name}"; done
    echo "${joined}"
}

made=data/lrs3_msp_omg_corpora
used=() lacking=()
for pair in "LRS3:${LRS3}" "MSP-PODCAST:${MSP_PODCAST}" "MSP-IMPROV:${MSP_IMPROV}" "OMG:${OMG}"; do
    if [ -n "${pair#*:}" ]; then used+=("${pair%%:*}"); else lacking+=("${pair%%:*}"); fi
done
if [ ${#used[@]} -eq 0 ]; then
    note="no corpus"
    if [ -f "${made}" ]; then note=$(cat "${made}"); fi
else
    note=$(join "${used[@]}")
    if [ ${#lacking[@]} -gt 0 ]; then note+=", without $(join "${lacking[@]}")"; fi
    if [ -f "${made}" ] && [ "$(cat "${made}")" != "${note}" ]; then
        echo "$0: WARNING: data/ was made of $(cat "${made}"); run stage 1 again" >&2
    fi
fi
echo "${note}"
