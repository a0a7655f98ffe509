#!/usr/bin/env bash
# Emotion recognition on your own recordings, listed in a csv: file,emotion[,speaker,session].
#   ./run.sh --db my.csv --emotions "calm angry" --p2v_model .../valid.loss.best.pth
# Without a speaker column each file counts as one: add --protocols random:0,1,2, whose result holds
# for known voices only.
# Settings: the paper's, on a corpus that it does not use
set -euo pipefail

exec ./ser.sh \
    --train_set emotion_csv \
    --protocols "speakers:0,1,2" \
    --allow_utterance_speakers true \
    --ser_configs "conf/train_ser_fbank.yaml conf/train_ser_p2v.yaml" \
    --comparisons "p2v:fbank" \
    "$@"
