#!/usr/bin/env bash
# German emotion for English speech, [P2V] V-A, Fig. 7: nothing is trained.
#   ./run.sh --db EMODB --local_data_opts "--sources ESD" --p2v_model .../valid.loss.best.pth
# All options of style.sh can be given: ./run.sh --help
# Settings: the paper's, [P2V] V-A
set -euo pipefail

exec ./style.sh \
    --test_sets emodb_style \
    "$@"
