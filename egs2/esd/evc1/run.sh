#!/usr/bin/env bash
# Emotional voice conversion on ESD: ./run.sh --db DIR --p2v_model .../valid.loss.best.pth
# All options of evc.sh can be given: ./run.sh --help
# Settings: the paper's, [P2V] IV-D
set -euo pipefail

exec ./evc.sh \
    --train_set esd_train \
    --valid_set esd_valid \
    --test_sets esd_test \
    --intensity_pairs 100 \
    --published true \
    "$@"
