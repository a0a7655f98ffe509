#!/usr/bin/env bash
# Emotional voice conversion on EmoV-DB: ./run.sh --db DIR --p2v_model .../valid.loss.best.pth
# All options of evc.sh can be given: ./run.sh --help
# Settings: the paper's, on a corpus that it does not use
set -euo pipefail

exec ./evc.sh \
    --train_set emov_db_train \
    --valid_set emov_db_valid \
    --test_sets emov_db_test \
    --intensity_pairs 50 \
    "$@"
