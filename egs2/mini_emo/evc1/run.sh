#!/usr/bin/env bash
# Emotional voice conversion on the ESD-like part of mini_emo, with the model of ../p2v1.
# All options of evc.sh can be given: ./run.sh --help
# Settings: ours, for synthetic speech and minutes on a CPU
set -euo pipefail

exec ./evc.sh \
    --train_set mini_emo_esd_train \
    --valid_set mini_emo_esd_valid \
    --test_sets mini_emo_esd_test \
    --p2v_model ../p2v1/exp/p2v_train_p2v_mini_mfcc_100/valid.loss.best.pth \
    --emotion_model ../ser1/exp/judge/ser_judge \
    --inference_model valid.mel_loss.best.pth \
    --variance_compensation true \
    --precomputed_features true \
    --corpus_note "synthetic speech" \
    --ngpu 0 \
    --nj "$(nproc)" \
    --inference_nj "$(nproc)" \
    "$@"
