#!/usr/bin/env bash
# Print which of the four corpora are used, for the titles of results. Where db.sh names none,
# what data/ was made of is printed.
set -euo pipefail
. common/mixture.sh
# shellcheck source=/dev/null
. ./db.sh

mixture_note open_emo "CREMA-D:${CREMA_D}" "RAVDESS:${RAVDESS}" "EmoDB:${EMODB}" "EmoV-DB:${EMOV_DB}"
