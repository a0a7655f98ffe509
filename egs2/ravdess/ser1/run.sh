#!/usr/bin/env bash
# Emotion recognition on RAVDESS by groups of speakers. ./run.sh --help lists the options.
#   ./run.sh --db DIR --p2v_model .../valid.loss.best.pth
# All classes: --train_set ravdess_8 --local_data_opts "--classes 8" --emotions "neutral calm happy sad angry fearful disgusted surprised"
# Settings: the paper's, on a corpus that it does not use
set -euo pipefail

exec ./ser.sh \
    --train_set ravdess \
    --protocols "speakers:0,1,2" \
    --ser_configs "conf/train_ser_fbank.yaml conf/train_ser_p2v.yaml" \
    --comparisons "p2v:fbank" \
    "$@"
