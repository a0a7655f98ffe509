#!/usr/bin/env bash
# A small HiFi-GAN on the generated speech of mini_emo, for ../evc1 to speak through.
# All options of voc.sh can be given: ./run.sh --help
# Settings: ours, for synthetic speech and minutes on a CPU
set -euo pipefail

exec ./voc.sh \
    --train_set mini_emo_train \
    --valid_set mini_emo_valid \
    --voc_config conf/train_vocoder_mini.yaml \
    --corpus_note "synthetic speech" \
    --ngpu 0 \
    --nj "$(nproc)" \
    --inference_nj "$(nproc)" \
    "$@"
