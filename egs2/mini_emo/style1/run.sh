#!/usr/bin/env bash
# Style transfer on the style part of mini_emo, with the model of ../p2v1.
# All options of style.sh can be given: ./run.sh --help
# Settings: ours, for synthetic speech and minutes on a CPU
set -euo pipefail

exec ./style.sh \
    --test_sets mini_emo_style \
    --p2v_model ../p2v1/exp/p2v_train_p2v_mini_mfcc_100/valid.loss.best.pth \
    --variance_compensation true \
    --corpus_note "synthetic speech" \
    --inference_nj "$(nproc)" \
    "$@"
