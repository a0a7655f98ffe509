#!/usr/bin/env bash
# Show on a machine with a CUDA device that its results are the CPU's, and how fast it is.
# Writes tools/bench/GPU_RESULTS.md in a few minutes; options are those of tools/bench/gpu_check.py.
# Exits with 2 where there is no CUDA device, with 1 if a check failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/activate_python.sh
. tools/activate_python.sh
# Without it cuBLAS may sum in another order from call to call; read when CUDA starts.
export CUBLAS_WORKSPACE_CONFIG=:4096:8
exec python -m tools.bench.gpu_check "$@"
