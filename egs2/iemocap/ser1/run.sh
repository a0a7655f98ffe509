#!/usr/bin/env bash
# Emotion recognition on IEMOCAP, [P2V] IV-C: Tables IV, V and VI. ./run.sh --help lists the options.
#   ./run.sh --db DIR --p2v_model .../valid.loss.best.pth --units 200
# Settings: the paper's, [P2V] IV-C
set -euo pipefail

configs="conf/train_ser_fbank.yaml conf/train_ser_p2v.yaml"
for upstream in wav2vec2_base wav2vec2_large hubert_base hubert_large; do
    configs+=" conf/train_ser_${upstream}.yaml conf/train_ser_${upstream}_p2v.yaml"
done

# Short answers ("yeah") recur in every corpus: what share of the lists they are is printed.
exec ./ser.sh \
    --train_set iemocap \
    --protocols "loso:0,1,2 lospko:0,1,2" \
    --allow "pretraining/test:sentence pretraining/valid:sentence" \
    --ser_configs "${configs}" \
    --comparisons "p2v:fbank hubert_large_p2v:hubert_large" \
    --published true \
    "$@"
