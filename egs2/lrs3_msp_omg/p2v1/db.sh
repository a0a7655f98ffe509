# Where the corpora are; leave out what you do not have. The environment wins over this file.
# shellcheck shell=bash
LRS3=${LRS3:-}              # folder with pretrain, trainval and test
MSP_PODCAST=${MSP_PODCAST:-}  # folder of the release
MSP_IMPROV=${MSP_IMPROV:-}  # folder of the release
OMG=${OMG:-}                # folder of the csv files
OMG_MEDIA=${OMG_MEDIA:-}    # folder of the videos of OMG; none: that of the csv files
