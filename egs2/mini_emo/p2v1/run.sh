#!/usr/bin/env bash
# Prosody2Vec on a generated corpus: pretraining and emotion conversion in minutes on a CPU.
# All options of p2v.sh can be given: ./run.sh --help
# Settings: ours, for synthetic speech and minutes on a CPU
set -euo pipefail

exec ./p2v.sh \
    --train_set mini_emo_train \
    --valid_set mini_emo_valid \
    --test_sets "mini_emo_test mini_emo_esd_test" \
    --kmeans_feature mfcc \
    --nclusters 100 \
    --kmeans_switch_penalty 8 \
    --speaker_encoder train \
    --p2v_config conf/train_p2v_mini.yaml \
    --variance_compensation true \
    --precomputed_features true \
    --corpus_note "synthetic speech" \
    --ngpu 0 \
    --nj "$(nproc)" \
    --inference_nj "$(nproc)" \
    "$@"
