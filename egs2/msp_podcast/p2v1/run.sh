#!/usr/bin/env bash
# Pretrain Prosody2Vec on MSP-PODCAST: ./run.sh --db DIR
# All options of p2v.sh can be given: ./run.sh --help
# Settings: the paper's, [P2V] IV-B, on one of its four corpora
set -euo pipefail

exec ./p2v.sh \
    --train_set msp_podcast_train \
    --valid_set msp_podcast_valid \
    --test_sets msp_podcast_test \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --kmeans_feature hubert_base/6 \
    --kmeans_portion 0.1 \
    --nclusters 200 \
    --speaker_encoder speechbrain/spkrec-ecapa-voxceleb \
    --p2v_config conf/train_p2v.yaml \
    "$@"
