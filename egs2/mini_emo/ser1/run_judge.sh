#!/usr/bin/env bash
# The former name of run_evaluation_model.sh, for one release.
set -euo pipefail

echo "$0: WARNING: run_judge.sh is now run_evaluation_model.sh; the old name will be removed" >&2
exec ./run_evaluation_model.sh "$@"
