#!/usr/bin/env bash
# Emotion recognition in German on EmoDB: seven emotions, unseen speakers.
#   ./run.sh --db DIR --p2v_model .../valid.loss.best.pth
# All options of ser.sh can be given: ./run.sh --help
# Settings: the paper's, on a corpus that it does not use
set -euo pipefail

exec ./ser.sh \
    --train_set emodb \
    --emotions "neutral angry happy sad fearful disgusted bored" \
    --protocols "speakers:0,1,2" \
    --ser_configs "conf/train_ser_fbank.yaml conf/train_ser_p2v.yaml" \
    --comparisons "p2v:fbank" \
    "$@"
