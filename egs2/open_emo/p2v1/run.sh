#!/usr/bin/env bash
# Pretraining on those of four open corpora of acted emotions that db.sh names. One vocabulary a
# run: ./run.sh --nclusters 50 (or 100, 200). All options of p2v.sh can be given: ./run.sh --help
# Settings: ours where variance is compensated, since 16.6 h are little; else the paper's, [P2V] IV-B
set -euo pipefail

exec ./p2v.sh \
    --train_set open_emo_train \
    --valid_set open_emo_valid \
    --test_sets open_emo_test \
    --speed_perturb_factors "0.9 1.0 1.1" \
    --kmeans_feature hubert_base/6 \
    --kmeans_portion 0.1 \
    --nclusters 200 \
    --speaker_encoder speechbrain/spkrec-ecapa-voxceleb \
    --p2v_config conf/train_p2v.yaml \
    --variance_compensation true \
    "$@"
