#!/usr/bin/env bash
# Emotion recognition on CREMA-D by groups of speakers. ./run.sh --help lists the options.
#   ./run.sh --db DIR --p2v_model .../valid.loss.best.pth
# All classes: --train_set crema_d_6 --local_data_opts "--classes 6" --emotions "neutral angry happy sad disgusted fearful"
# Settings: the paper's, on a corpus that it does not use
set -euo pipefail

exec ./ser.sh \
    --train_set crema_d \
    --protocols "speakers:0,1,2" \
    --ser_configs "conf/train_ser_fbank.yaml conf/train_ser_p2v.yaml" \
    --comparisons "p2v:fbank" \
    "$@"
