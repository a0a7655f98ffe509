#!/usr/bin/env bash
# Train the recognisers that evaluate the conversions of ../evc1, on the pretraining part of
# mini_emo: five folds of voices, whose answers are averaged. Their voices are not those of ../evc1.
# Pretraining used them, which is declared as an overlap and stands in the table.
# All options of ser.sh can be given: ./run_evaluation_model.sh --help
# Settings: ours, for synthetic speech and minutes on a CPU
set -euo pipefail

overlap=$(echo pretraining/{test,valid}:{utterance,speaker,sentence})
exec ./ser.sh \
    --train_set mini_emo_train \
    --p2v_model ../p2v1/exp/p2v_train_p2v_mini_mfcc_100/valid.loss.best.pth \
    --protocols "speakers:0" \
    --allow "${overlap}" \
    --ser_configs "conf/train_ser_judge.yaml" \
    --expdir exp/judge \
    --corpus_note "synthetic speech" \
    --ngpu 0 \
    --nj 1 \
    --train_nj "$(nproc)" \
    "$@"
