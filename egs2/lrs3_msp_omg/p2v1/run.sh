#!/usr/bin/env bash
# The pretraining of [P2V] IV-B on those of its four corpora that db.sh names. One vocabulary a
# run: ./run.sh --nclusters 50 (or 100, 200). All options of p2v.sh can be given: ./run.sh --help
# Settings: the paper's, [P2V] IV-B
set -euo pipefail

exec ./p2v.sh \
    --train_set lrs3_msp_omg_train \
    --valid_set lrs3_msp_omg_valid \
    --test_sets lrs3_msp_omg_test \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --kmeans_feature hubert_base/6 \
    --kmeans_portion 0.1 \
    --nclusters 200 \
    --speaker_encoder speechbrain/spkrec-ecapa-voxceleb \
    --p2v_config conf/train_p2v.yaml \
    "$@"
