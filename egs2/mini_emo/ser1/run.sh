#!/usr/bin/env bash
# Emotion recognition on the IEMOCAP-like part of mini_emo, with the model of ../p2v1.
# All options of ser.sh can be given: ./run.sh --help
# Settings: ours, for synthetic speech and minutes on a CPU
set -euo pipefail

# nj 1: for 600 short files further processes would load longer than they work.
exec ./ser.sh \
    --train_set mini_emo_iemocap \
    --p2v_model ../p2v1/exp/p2v_train_p2v_mini_mfcc_100/valid.loss.best.pth \
    --upstream hf_hubert_custom \
    --upstream_path downloads/tiny_hubert \
    --protocols "loso:0,1,2 lospko:0" \
    --max_train 200 \
    --ser_configs "conf/train_ser_fbank.yaml conf/train_ser_p2v.yaml conf/train_ser_upstream.yaml:1 conf/train_ser_fusion.yaml:1" \
    --comparisons "p2v:fbank fusion:upstream fusion:p2v" \
    --corpus_note "synthetic speech" \
    --ngpu 0 \
    --nj 1 \
    --train_nj "$(nproc)" \
    "$@"
