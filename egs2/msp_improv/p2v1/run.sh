#!/usr/bin/env bash
# Pretrain Prosody2Vec on MSP-IMPROV: ./run.sh --db DIR
# All options of p2v.sh can be given: ./run.sh --help
# Settings: the paper's, [P2V] IV-B, on one of its four corpora
set -euo pipefail

exec ./p2v.sh \
    --train_set msp_improv_train \
    --valid_set msp_improv_valid \
    --test_sets msp_improv_test \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --kmeans_feature hubert_base/6 \
    --nclusters 200 \
    --speaker_encoder speechbrain/spkrec-ecapa-voxceleb \
    --p2v_config conf/train_p2v.yaml \
    "$@"
