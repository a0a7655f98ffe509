# Where the corpora are, for all recipes, as in ESPnet's db.sh. The environment wins over this
# file, and a recipe's --db over both: --db DIR, or --db "LRS3=DIR OMG=DIR" where it has several.
# Leave out what you do not have; what stage 1 downloaded (--local_data_opts "--download true") is found without an entry.
# shellcheck shell=bash disable=SC2034  # used by the script that sources this
CREMA_D=${CREMA_D-}         # clone with Git LFS
EMODB=${EMODB-}             # folder that holds wav
EMOTION_CSV=${EMOTION_CSV-}  # your csv: file,emotion[,speaker,session]
EMOV_DB=${EMOV_DB-}         # folder of the archives' or the speakers' folders
ESD=${ESD-}                 # folder of 0001 to 0020
IEMOCAP=${IEMOCAP-}         # folder or tar.gz of the full release
LRS3=${LRS3-}               # folder with pretrain, trainval and test
MSP_IMPROV=${MSP_IMPROV-}   # folder of the release
MSP_PODCAST=${MSP_PODCAST-}  # folder of the release
OMG=${OMG-}                 # folder of the csv files
OMG_MEDIA=${OMG_MEDIA-}     # folder of the videos of OMG; none: that of the csv files
RAVDESS=${RAVDESS-}         # folder of Actor_01 to Actor_24

if [ -z "${CREMA_D}" ] && [ -d downloads/crema_d ]; then CREMA_D=downloads/crema_d; fi
if [ -z "${EMODB}" ] && [ -d downloads/emodb ]; then EMODB=downloads/emodb; fi
if [ -z "${EMOV_DB}" ] && [ -d downloads/emov_db ]; then EMOV_DB=downloads/emov_db; fi
if [ -z "${RAVDESS}" ] && [ -d downloads/ravdess ]; then RAVDESS=downloads/ravdess; fi
