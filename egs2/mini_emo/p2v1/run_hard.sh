#!/usr/bin/env bash
# The same on mini_emo_hard: emotions that overlap, voice quality, intonation, speakers with habits.
# All options of p2v.sh can be given: ./run_hard.sh --help
# Settings: ours, those of run.sh
set -euo pipefail

exec ./run.sh \
    --local_data_opts "--difficulty hard" \
    --train_set mini_emo_hard_train \
    --valid_set mini_emo_hard_valid \
    --test_sets "mini_emo_hard_test mini_emo_hard_esd_test" \
    --expdir exp/hard \
    "$@"
