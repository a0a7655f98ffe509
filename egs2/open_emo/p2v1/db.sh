# Where the corpora are; leave out what you do not have. The environment wins over this file, and
# a corpus that stage 1 downloaded (--local_data_opts "--download true") is found by itself.
# shellcheck shell=bash
CREMA_D=${CREMA_D:-}        # clone with Git LFS
RAVDESS=${RAVDESS:-}        # folder of Actor_01 to Actor_24
EMODB=${EMODB:-}            # folder that holds wav
EMOV_DB=${EMOV_DB:-}        # folder of the archives' or the speakers' folders

if [ -z "${CREMA_D}" ] && [ -d downloads/crema_d ]; then CREMA_D=downloads/crema_d; fi
if [ -z "${RAVDESS}" ] && [ -d downloads/ravdess ]; then RAVDESS=downloads/ravdess; fi
