#!/usr/bin/env bash
# Print which of the four corpora are used, for the titles of results. Where db.sh names none,
# what data/ was made of is printed.
set -euo pipefail
. common/mixture.sh
# shellcheck source=/dev/null
. ./db.sh

mixture_note lrs3_msp_omg "LRS3:${LRS3}" "MSP-PODCAST:${MSP_PODCAST}" "MSP-IMPROV:${MSP_IMPROV}" \
    "OMG:${OMG}"
